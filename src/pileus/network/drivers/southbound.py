"""OVN's southbound database, read only: which hosts there are and which port is on which."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pileus.network.drivers.ovsdb import Event, Ovsdb

_COLUMNS = {
    "Chassis": ["name", "hostname", "other_config", "external_ids"],
    "Port_Binding": ["logical_port", "chassis"],
}
_GATEWAYS = 5  # hosts that a gateway port can move between; OVN watches each of them from all


@dataclass(frozen=True)
class Chassis:
    """A host as OVN knows it; `name` is its system id."""

    name: str
    hostname: str
    physical: frozenset[str]  # provider networks that it bridges
    gateway: bool  # marked by its operator as a host for gateways


class Southbound:
    """Hosts and bindings, kept current. `changed` is called, from its thread, when they change."""

    def __init__(self, remote: str, changed: Callable[[], None], timeout: float) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._chassis: dict[UUID, Chassis] = {}
        self._bound: dict[str, UUID] = {}
        self._ovsdb = Ovsdb(remote, "OVN_Southbound", _COLUMNS, seen=self._seen, timeout=timeout)
        self.close = self._ovsdb.close

    def _seen(self, event: Event, row: Any) -> None:
        with self._lock:
            if row._table.name == "Chassis":
                old = self._chassis.pop(row.uuid, None)
                new = None if event == "delete" else _chassis(row)
                if new is not None:
                    self._chassis[row.uuid] = new
                changed = old != new
            else:
                before = self._bound.pop(row.logical_port, None)
                if event != "delete" and row.chassis:
                    self._bound[row.logical_port] = row.chassis[0].uuid
                changed = before != self._bound.get(row.logical_port)
        if changed:
            self._changed()

    def host_of(self, port_id: str) -> str | None:
        """The host that has plugged the port."""
        with self._lock:
            chassis = self._chassis.get(self._bound.get(port_id, UUID(int=0)))
        return None if chassis is None else chassis.hostname

    def gateways(self, physical: str, router_id: str) -> list[str]:
        """Names of the hosts for a router's gateway onto a provider network, the first wanted most.

        Hosts that are marked for gateways go before all others; each router starts at another host,
        so that the load is spread.
        """
        with self._lock:
            known = list(self._chassis.values())
        able = [one for one in known if not physical or physical in one.physical]
        able = [one for one in able if one.gateway] or able

        def rank(one: Chassis) -> bytes:
            return hashlib.sha256(f"{router_id} {one.name}".encode()).digest()

        return [one.name for one in sorted(able, key=rank)[:_GATEWAYS]]


def _chassis(row: Any) -> Chassis:
    settings = row.external_ids | row.other_config
    mappings = settings.get("ovn-bridge-mappings", "")
    return Chassis(
        name=row.name,
        hostname=row.hostname,
        physical=frozenset(pair.split(":")[0] for pair in mappings.split(",") if pair),
        gateway="enable-chassis-as-gw" in settings.get("ovn-cms-options", "").split(","),
    )
