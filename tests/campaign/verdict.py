"""The end: is everything as the clients were told, and nothing else there?"""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from pileus.core.desired import Desired
from pileus.core.flow import FlowRow

from .client import NETWORK, SERVERS, Client
from .ground import Ground
from .model import DOUBT, Thing
from .wire import Wire

_LISTS = {
    "server": (f"{SERVERS}/detail", "servers"),
    "port": (f"{NETWORK}/ports", "ports"),
    "network": (f"{NETWORK}/networks", "networks"),
    "subnet": (f"{NETWORK}/subnets", "subnets"),
    "group": (f"{NETWORK}/security-groups", "security_groups"),
    "rule": (f"{NETWORK}/security-group-rules", "security_group_rules"),
    "floating": (f"{NETWORK}/floatingips", "floatingips"),
}
_LASTING = ("ACTIVE", "SHUTOFF", "PAUSED", "ERROR", "VERIFY_RESIZE")


def busy(ground: Ground) -> str:
    """What is still under way; empty when nothing is."""
    engine = sa.create_engine(ground.config.database_url)
    flows, wishes = FlowRow.table, Desired.table
    with engine.connect() as connection:
        running = connection.scalar(sa.select(sa.func.count()).select_from(flows))
        late = wishes.c.observed < wishes.c.revision
        waiting = connection.scalar(sa.select(sa.func.count()).select_from(wishes).where(late))
    engine.dispose()
    return f"{running} flows, {waiting} wishes" if running or waiting else ""


class Verdict:
    """What is wrong in a project, in sentences."""

    def __init__(self, ground: Ground, project: str, clients: list[Client]) -> None:
        self.wrong: list[str] = []
        self._project, self._clients = project, clients
        self._wire = Wire(ground._port, ground.tally)  # past the cable
        self._wire.token = clients[0].wire.token
        self._admin = ground.admin
        self.found = {kind: self._list(kind) for kind in _LISTS}
        self.things = {id: t for c in clients for id, t in c.model.things.items()}

    def _list(self, kind: str) -> dict[str, dict[str, Any]]:
        path, many = _LISTS[kind]
        found: dict[str, dict[str, Any]] = {}
        mark = ""
        while True:
            size = "limit=200" + mark
            page = self._wire.surely("GET", f"{path}?project_id={self._project}&{size}")[1][many]
            found |= {one["id"]: one for one in page}
            if len(page) < 200:
                return found
            mark = f"&marker={page[-1]['id']}"

    def reach(self) -> list[str]:
        """Everything that is wrong."""
        for thing in self.things.values():
            self._kept(thing)
        for kind, found in self.found.items():
            for id, shown in found.items():
                self._meant(kind, id, shown)
        for id, server in self.found["server"].items():
            self._server(id, server)
        self._quotas()
        return self.wrong

    def _kept(self, thing: Thing) -> None:
        """What was acknowledged is so."""
        shown = self.found[thing.kind].get(thing.id)
        if thing.state == "gone" and shown is not None:
            self.wrong.append(f"{thing.kind} {thing.id}: its delete was acknowledged; it is there")
        if thing.state == "there" and shown is None:
            self.wrong.append(f"{thing.kind} {thing.id} was {thing.told} and is not there")
        if shown is None:
            return
        if thing.kind == "floating":
            self._floating(thing, shown)
            return
        for name in ("name", "security_groups"):
            wanted = thing.values.get(name, DOUBT)
            if wanted is not DOUBT and shown[name] != wanted:
                words = f"{name} is {shown[name]!r}, acknowledged was {wanted!r}"
                self.wrong.append(f"{thing.kind} {thing.id}: its {words}")
        power = thing.values.get("power")
        if power in (None, DOUBT) or shown["status"] in (power, "ERROR"):
            return
        if not self._told_of_error(thing.id):
            words = f"{shown['status']}, acknowledged was {power}"
            self.wrong.append(f"server {thing.id} is {words}")

    def _told_of_error(self, server: str) -> bool:
        """Whether the newest of its actions failed: a host that refuses leaves it as it was."""
        path = f"{SERVERS}/{server}/os-instance-actions"
        return bool(self._wire.surely("GET", path)[1]["instanceActions"][0]["message"])

    def _floating(self, thing: Thing, shown: dict[str, Any]) -> None:
        wanted = thing.values["port_id"]
        port = self.things.get(wanted) if isinstance(wanted, str) else None
        allowed = {wanted}
        if port is not None and port.state != "there":
            allowed = {None} if port.state == "gone" else {None, wanted}
        if wanted is not DOUBT and shown["port_id"] not in allowed:
            words = f"is at port {shown['port_id']}, acknowledged was {wanted}"
            self.wrong.append(f"floating IP {thing.id} {words}")

    def _meant(self, kind: str, id: str, shown: dict[str, Any]) -> None:
        """Nothing is there that nobody asked for."""
        if id in self.things or kind in ("rule", "subnet") or shown.get("device_id"):
            return
        name = shown["description"] if kind == "floating" else shown["name"]
        if name in ("ground", "default", "public"):
            return
        if not any((kind, name) in client.model.doubtful for client in self._clients):
            self.wrong.append(f"{kind} {id} ({name}) is there and nobody asked for it")

    def _server(self, id: str, server: dict[str, Any]) -> None:
        status, task = server["status"], server["OS-EXT-STS:task_state"]
        if status not in _LASTING or task is not None:
            self.wrong.append(f"server {id} is {status} with the task {task} for ever")
        if status == "ERROR" and "fault" not in server:
            self.wrong.append(f"server {id} is in ERROR and does not say why")

    def _quotas(self) -> None:
        """Usage is the count of what is there."""
        servers = self.found["server"].values()
        counted = {
            "instances": len(servers),
            "cores": sum(s["flavor"]["vcpus"] for s in servers),
            "ram": sum(s["flavor"]["ram"] for s in servers),
        }
        path = f"/compute/v2.1/os-quota-sets/{self._project}/detail"
        told = self._admin.surely("GET", path)[1]["quota_set"]
        for name, count in counted.items():
            # A server that waits for its resize to be confirmed keeps the room of both flavors.
            resizing = any(s["status"] == "VERIFY_RESIZE" for s in servers) and name != "instances"
            if told[name]["in_use"] != count and not (resizing and told[name]["in_use"] > count):
                self.wrong.append(
                    f"usage of {name} is {told[name]['in_use']}, and {count} are there"
                )
            if 0 <= told[name]["limit"] < told[name]["in_use"]:
                self.wrong.append(f"usage of {name} is {told[name]['in_use']}, above its limit")
        told = self._admin.surely("GET", f"{NETWORK}/quotas/{self._project}/details")[1]["quota"]
        names = {"network": "network", "subnet": "subnet", "port": "port"}
        names |= {"floatingip": "floating", "security_group": "group"}
        for name, kind in names.items():
            # Ports of the metadata service are nobody's wish and not counted.
            owners = [one.get("device_owner") for one in self.found[kind].values()]
            count = sum(owner != "network:distributed" for owner in owners)
            if told[name]["used"] != count:
                self.wrong.append(f"usage of {name} is {told[name]['used']}, {count} are there")


def addresses(verdicts: list[Verdict]) -> list[str]:
    """Addresses that two have."""
    ports = [port for v in verdicts for port in v.found["port"].values()]
    taken = Counter(
        (p["network_id"], ip["ip_address"]) for p in ports for ip in p["fixed_ips"]
    ) + Counter((p["network_id"], p["mac_address"]) for p in ports)
    floating = [f for v in verdicts for f in v.found["floating"].values()]
    taken += Counter(("floating", f["floating_ip_address"]) for f in floating)
    taken += Counter(("at", f["port_id"]) for f in floating if f["port_id"])
    return [f"{what} is taken {times} times" for what, times in taken.items() if times > 1]


def guests(ground: Ground, verdicts: list[Verdict]) -> list[str]:
    """Guests on hosts that are of no server, and servers without their guest."""
    admin: dict[str, str] = {}
    mark = ""
    while True:
        path = f"{SERVERS}/detail?all_tenants=1&limit=200{mark}"
        page = ground.admin.surely("GET", path)[1]["servers"]
        admin |= {one["id"]: one["OS-EXT-SRV-ATTR:host"] or "" for one in page}
        failed = {one["id"] for one in page if one["status"] == "ERROR"}
        admin = {id: host for id, host in admin.items() if id not in failed}
        if len(page) < 200:
            break
        mark = f"&marker={page[-1]['id']}"
    there = {(guest, host) for host, known in ground.guests().items() for guest in known}
    on_hosts = {(id, host) for id, host in admin.items() if host.startswith("sim-")}
    known = {id for v in verdicts for id in v.found["server"]}
    wrong = [f"guest {g} on {h} is of no server" for g, h in there if g not in known]
    return wrong + [f"server {s} has no guest on its host {h}" for s, h in on_hosts - there]
