"""Guests follow what becomes of their ports: what Neutron's network-vif-deleted tells Nova."""

from ..core import desired
from ..core.db import Tx
from ..core.desired import Desired
from .flows.guest import GUEST


class GuestPorts:
    """The guests behind the network's ports (`pileus.network.Guests`)."""

    def port_gone(self, tx: Tx, server_id: str, port_id: str) -> None:
        """Ask every host that has the server's guest for it without the port's nic."""
        for row in tx.all(Desired, kind=GUEST, id=server_id):
            if row.spec is None:
                continue
            kept = [nic for nic in row.spec["nics"] if nic["port_id"] != port_id]
            desired.put(tx, row.host, GUEST, server_id, {**row.spec, "nics": kept})
