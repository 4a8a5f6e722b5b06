"""The network driver for OVN: things become rows of its northbound database, by difference."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pileus.network.driver import (
    Change,
    Key,
    Kind,
    Router,
    SecurityGroup,
    Switch,
    SwitchPort,
)
from pileus.network.drivers.acl import ensure_group, forget_group
from pileus.network.drivers.northbound import Batch, Northbound, label
from pileus.network.drivers.port import ensure_port, forget_port
from pileus.network.drivers.router import bound_to, ensure_router, forget_router
from pileus.network.drivers.southbound import Southbound
from pileus.network.drivers.switch import ensure_switch, forget_switch

# What others refer to comes first when made, and last when removed.
_ORDER: tuple[Kind, ...] = ("security_group", "switch", "port", "router")
_FORGET: Mapping[Kind, Callable[[Batch, str], None]] = {
    "security_group": forget_group,
    "switch": forget_switch,
    "port": forget_port,
    "router": forget_router,
}


class OvnNetwork:
    """A NetworkDriver. `nb` and `sb` are OVSDB addresses, as in unix:/run/ovn/ovnnb_db.sock.

    `timeout`, in seconds, is how long a database may take to answer.
    Rows that it did not write are never touched. Removing a switch removes the ports on it.
    Raises Broken when a database does not answer.
    """

    name = "ovn"

    def __init__(self, nb: str, sb: str, timeout: float = 20) -> None:
        self._callback: Callable[[], None] = lambda: None
        self._south = Southbound(sb, self._changed, timeout)
        try:
            self._north = Northbound(nb, self._changed, timeout)
        except BaseException:
            self._south.close()
            raise

    def revisions(self) -> Mapping[Key, int]:
        """What stands, from the rows themselves; a router whose gateway hosts changed is at -1."""
        standing = cast(dict[Key, int], self._north.standing())

        def moved(batch: Batch) -> list[str]:
            return [
                id
                for id, row in batch.all("router")
                if (gateway := bound_to(row))[0]
                and gateway[1] != self._gateways(batch, gateway[0], id)
            ]

        for id in self._north.change(moved):
            standing["router", id] = -1
        return standing

    def apply(self, changes: Sequence[Change]) -> None:
        """Make every change in one transaction of the northbound database."""
        last = {change.key: change for change in changes}
        made = [change for change in last.values() if change.thing is not None]
        made.sort(key=lambda change: _ORDER.index(change.key[0]))
        gone = [change.key for change in last.values() if change.thing is None]
        gone.sort(key=lambda key: -_ORDER.index(key[0]))

        def work(batch: Batch) -> None:
            for kind, id in gone:
                _FORGET[kind](batch, id)
            for change in made:
                self._ensure(batch, change)

        self._north.change(work)

    def _ensure(self, batch: Batch, change: Change) -> None:
        match change.thing:
            case SecurityGroup() as group:
                ensure_group(batch, change.revision, group)
            case Switch() as switch:
                ensure_switch(batch, change.revision, switch)
            case SwitchPort() as port:
                ensure_port(batch, change.revision, port)
            case Router() as router:
                gateway = next((port for port in router.ports if port.gateway), None)
                network = gateway.network_id if gateway else ""
                chassis = self._gateways(batch, network, router.id)
                ensure_router(batch, change.revision, router, chassis)

    def _gateways(self, batch: Batch, network_id: str, router_id: str) -> list[str]:
        switch = batch.find("switch", network_id)
        return self._south.gateways(label(switch, "physical") if switch else "", router_id)

    def ports_up(self) -> Mapping[str, str]:
        """Guest ports whose flows are installed → the host's name, from what OVN reports."""
        hosts = {port: self._south.host_of(port) for port in self._north.up()}
        return {port: host for port, host in hosts.items() if host is not None}

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this from a connection's thread when a port's state or the set of hosts changes."""
        self._callback = callback

    def _changed(self) -> None:
        self._callback()

    def close(self) -> None:
        """End both connections."""
        self._north.close()
        self._south.close()
