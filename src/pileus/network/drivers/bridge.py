"""The integration bridge of this host: what is plugged into it, in the switch's own database."""

import threading
from collections.abc import Mapping
from typing import Any

from pileus.core.backend import Broken, Busy
from pileus.network.drivers.ovsdb import Event, Ovsdb

_SWITCH_SECONDS = 20
OWNER = "pileus:kind"
_COLUMNS = {
    "Open_vSwitch": ["next_cfg", "cur_cfg"],
    "Bridge": ["name", "ports"],
    "Port": ["name", "interfaces"],
    "Interface": ["name", "external_ids"],
}


class Bridge:
    """One bridge. Interfaces that we did not plug are never touched."""

    def __init__(self, ovsdb: str, name: str) -> None:
        self._name = name
        self._done = 0
        self._told = threading.Condition()
        self._ovsdb = Ovsdb(ovsdb, "Open_vSwitch", _COLUMNS, seen=self._seen)
        self.close = self._ovsdb.close

    def _seen(self, event: Event, row: Any) -> None:
        if row._table.name == "Open_vSwitch" and event != "delete":
            with self._told:
                self._done = row.cur_cfg
                self._told.notify_all()

    def attach(self, device: str, kind: str, port_id: str, mac: str, **more: str) -> None:
        """Plug the device in as this logical port. `more` is kept with it under pileus:<name>.

        Without a port it is in the bridge, and nobody's; one that is a port's already stays so.
        """
        marks = {"attached-mac": mac, OWNER: kind}
        marks |= {f"pileus:{name}": value for name, value in more.items()}
        if port_id:
            marks |= {"iface-id": port_id, "iface-status": "active"}

        def work(txn: Any) -> None:
            bridge = self._find("Bridge", self._name)
            if bridge is None:
                raise Broken(
                    f"the bridge {self._name} does not exist in {self._ovsdb.remote}: "
                    "start Open vSwitch and OVN on this host first"
                )
            for port, interface in self._ours():
                # A port is in one place: a device of before must not hold its name.
                held = interface.external_ids.get("iface-id")
                if port_id and port.name != device and held == port_id:
                    self._unhook(port)
            interface = self._find("Interface", device)
            if interface is None:
                interface = txn.insert(self._ovsdb.table("Interface"))
                interface.name = device
                interface.external_ids = marks
                port = txn.insert(self._ovsdb.table("Port"))
                port.name = device
                port.interfaces = [interface]
                bridge.verify("name")
                bridge.addvalue("ports", port)
            elif (old := interface.external_ids) != old | marks:
                interface.external_ids = old | marks

        self._ovsdb.transact(work)

    def detach(self, device: str) -> None:
        """Unplug the device, and wait until the switch has let go of it; not plugged is fine.

        A switch that is told of an unplug and a plug at once keeps the old device open, and a new
        device of the same name would get no packets: hence the wait. Raises Busy after 20 s.
        """

        def work(_: Any) -> int | None:
            port = self._find("Port", device)
            if port is None:
                return None
            self._unhook(port)
            switch = next(iter(self._ovsdb.table("Open_vSwitch").rows.values()))
            switch.verify("next_cfg")
            switch.next_cfg += 1
            return int(switch.next_cfg)

        asked = self._ovsdb.transact(work)
        if asked is None:
            return
        with self._told:
            if not self._told.wait_for(lambda: self._done >= asked, _SWITCH_SECONDS):
                raise Busy(
                    f"Open vSwitch did not let go of {device} within {_SWITCH_SECONDS} s: "
                    "is ovs-vswitchd running?"
                )

    def attached(self, kind: str) -> Mapping[str, Mapping[str, str]]:
        """Devices that we plugged as this kind → what is kept with them."""

        def work(_: Any) -> dict[str, dict[str, str]]:
            return {
                port.name: dict(marks)
                for port, interface in self._ours()
                if (marks := interface.external_ids).get(OWNER) == kind
            }

        return self._ovsdb.transact(work)

    def _find(self, table: str, name: str) -> Any | None:
        rows = self._ovsdb.table(table).rows.values()
        return next((row for row in rows if row.name == name), None)

    def _ours(self) -> list[tuple[Any, Any]]:
        bridge = self._find("Bridge", self._name)
        return [
            (port, interface)
            for port in (bridge.ports if bridge is not None else [])
            for interface in port.interfaces
            if OWNER in interface.external_ids
        ]

    def _unhook(self, port: Any) -> None:
        for bridge in self._ovsdb.table("Bridge").rows.values():
            if port in bridge.ports:
                bridge.delvalue("ports", port)
        port.delete()
