"""A tenant's client: does what the plan says to things of its own, and remembers the answers."""

import itertools
from collections.abc import Callable
from typing import Any

from .model import DOUBT, Model, Thing
from .plan import Deed
from .wire import InDoubt, Wire

SERVERS, NETWORK = "/compute/v2.1/servers", "/network/v2.0"
MOST = {"server": 4, "port": 20, "network": 3, "group": 4, "floating": 4}
PATHS = {
    "server": (SERVERS, "servers"),
    "port": (f"{NETWORK}/ports", "ports"),
    "network": (f"{NETWORK}/networks", "networks"),
    "subnet": (f"{NETWORK}/subnets", "subnets"),
    "group": (f"{NETWORK}/security-groups", "security_groups"),
    "floating": (f"{NETWORK}/floatingips", "floatingips"),
}
FLAVORS = ("m1.nano", "m1.tiny", "m1.small")
_GONE = (404,)


class Client:
    """One of several clients of one project. Only it changes its things."""

    def __init__(self, name: str, wire: Wire, admin: Wire, ground: dict[str, Any]) -> None:
        """admin: moves servers, which a tenant may not. ground: ids of what its project has."""
        self.name, self.wire, self.admin, self.ground = name, wire, admin, ground
        self.model = Model()
        self._numbers = itertools.count()

    def do(self, deed: Deed) -> None:
        """One deed; when there is nothing to do it to, something is looked at instead."""
        act: Callable[[Deed], bool] = getattr(self, f"_{deed.name}")
        if not act(deed):
            self._show(deed)

    def _name(self) -> str:
        return f"{self.name}-{next(self._numbers)}"

    def _pick(self, deed: Deed, kind: str) -> Thing | None:
        there = self.model.there(kind)
        return deed.draw.choice(there) if there else None

    def _room(self, kind: str) -> bool:
        return len(self.model.there(kind)) < MOST[kind]

    # What every kind of thing has in common.

    def _create(self, kind: str, path: str, one: str, body: dict[str, Any], **values: Any) -> bool:
        name = self._name()
        named = body if kind == "floating" else {"name": name, **body}
        if kind == "floating":
            named["description"] = name
        try:
            status, found, _ = self.wire.call("POST", path, {one: named})
        except InDoubt:
            self.model.doubt(kind, name)
            return True
        if status in (201, 202):
            self.model.made(kind, found[one]["id"], name=name, **values)
        elif status == 503:
            self.model.doubt(kind, name)
        return True

    def _change(
        self,
        thing: Thing,
        method: str,
        path: str,
        body: Any,
        wire: Wire | None = None,
        **values: Any,
    ) -> int:
        """Change it; `values` are so afterwards if it is acknowledged."""
        try:
            status, _, _ = (wire or self.wire).call(method, path, body)
        except InDoubt:
            status = 503
        if status in (200, 202, 204):
            thing.values |= values
        elif status == 503:
            thing.values |= dict.fromkeys(values, DOUBT)
        return status

    def _delete(self, thing: Thing, path: str) -> bool:
        try:
            status, _, _ = self.wire.call("DELETE", path)
        except InDoubt:
            status = 503
        if status in (204, *_GONE):
            thing.state = "gone"
        elif status == 503:
            thing.state = "doubt"
        return True

    # Servers.

    def _server_body(self, deed: Deed, nets: list[dict[str, str]]) -> dict[str, Any]:
        flavor = deed.draw.choice(FLAVORS)
        return {
            "flavorRef": self.ground[flavor],
            "imageRef": self.ground["image"],
            "networks": nets,
        }

    def _create_server(self, deed: Deed) -> bool:
        if not self._room("server"):
            return False
        own = self._pick(deed, "network") if deed.draw.random() < 0.2 else None
        network = own.id if own is not None else self.ground["network"]
        body = self._server_body(deed, [{"uuid": network}])
        return self._create("server", SERVERS, "server", body, power=None)

    def _create_server_on_port(self, deed: Deed) -> bool:
        port = self._pick(deed, "port")
        if port is None or not self._room("server"):
            return False
        body = self._server_body(deed, [{"port": port.id}])
        return self._create("server", SERVERS, "server", body, power=None)

    def _delete_server(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        return server is not None and self._delete(server, f"{SERVERS}/{server.id}")

    def _delete_new_server(self, deed: Deed) -> bool:
        """While it is being built."""
        known = set(self.model.things)
        if not self._create_server(deed):
            return False
        made = [t for id, t in self.model.things.items() if id not in known]
        return not made or self._delete(made[0], f"{SERVERS}/{made[0].id}")

    def _delete_server_again(self, deed: Deed) -> bool:
        gone = self.model.gone("server")
        if not gone:
            return False
        thing = deed.draw.choice(gone[-5:])
        return self._delete(thing, f"{SERVERS}/{thing.id}")

    def _power(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        if server is None:
            return False
        actions = {
            "os-stop": (None, "SHUTOFF"),
            "os-start": (None, "ACTIVE"),
            "pause": (None, "PAUSED"),
            "unpause": (None, "ACTIVE"),
            "reboot": ({"type": deed.draw.choice(("HARD", "SOFT"))}, "ACTIVE"),
        }
        action = deed.draw.choice(sorted(actions))
        value, then = actions[action]
        self._change(server, "POST", f"{SERVERS}/{server.id}/action", {action: value}, power=then)
        return True

    def _resize(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        if server is None:
            return False
        body = {"resize": {"flavorRef": self.ground[deed.draw.choice(FLAVORS)]}}
        path = f"{SERVERS}/{server.id}/action"
        self._change(server, "POST", path, body, power=None)
        return True

    def _end_resize(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        if server is None:
            return False
        body = {deed.draw.choice(("confirmResize", "revertResize")): None}
        self._change(server, "POST", f"{SERVERS}/{server.id}/action", body, power=None)
        return True

    def _rebuild(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        if server is None:
            return False
        body = {"rebuild": {"imageRef": self.ground["image"]}}
        self._change(server, "POST", f"{SERVERS}/{server.id}/action", body, power=None)
        return True

    def _rename_server(self, deed: Deed) -> bool:
        server = self._pick(deed, "server")
        if server is None:
            return False
        name = self._name()
        self._change(server, "PUT", f"{SERVERS}/{server.id}", {"server": {"name": name}}, name=name)
        return True

    def _migrate(self, deed: Deed) -> bool:
        return self._move(deed, {"migrate": None})

    def _live_migrate(self, deed: Deed) -> bool:
        return self._move(deed, {"os-migrateLive": {"host": None, "block_migration": "auto"}})

    def _move(self, deed: Deed, body: dict[str, Any]) -> bool:
        """By the admin, to a host that the scheduler chooses."""
        server = self._pick(deed, "server")
        if server is None:
            return False
        path = f"{SERVERS}/{server.id}/action"
        self._change(server, "POST", path, body, self.admin, power=None)
        return True

    def _attach_port(self, deed: Deed) -> bool:
        server, port = self._pick(deed, "server"), self._pick(deed, "port")
        if server is None or port is None:
            return False
        body = {"interfaceAttachment": {"port_id": port.id}}
        self._change(server, "POST", f"{SERVERS}/{server.id}/os-interface", body)
        return True

    def _detach_port(self, deed: Deed) -> bool:
        """A port of its own, which outlives that; most are at no server, or at another."""
        server, port = self._pick(deed, "server"), self._pick(deed, "port")
        if server is None or port is None:
            return False
        self._change(server, "DELETE", f"{SERVERS}/{server.id}/os-interface/{port.id}", None)
        return True

    # Ports, networks, groups, floating addresses.

    def _create_port(self, deed: Deed) -> bool:
        if not self._room("port"):
            return False
        body = {"network_id": self.ground["network"]}
        return self._create("port", f"{NETWORK}/ports", "port", body)

    def _change_port(self, deed: Deed) -> bool:
        port = self._pick(deed, "port")
        if port is None:
            return False
        path, name = f"{NETWORK}/ports/{port.id}", self._name()
        group = self._pick(deed, "group")
        if group is not None and deed.draw.random() < 0.5:
            body = {"port": {"security_groups": [group.id]}}
            self._change(port, "PUT", path, body, security_groups=[group.id])
        else:
            self._change(port, "PUT", path, {"port": {"name": name}}, name=name)
        return True

    def _delete_port(self, deed: Deed) -> bool:
        port = self._pick(deed, "port")
        return port is not None and self._delete(port, f"{NETWORK}/ports/{port.id}")

    def _create_network(self, deed: Deed) -> bool:
        if not self._room("network"):
            return False
        known = set(self.model.things)
        self._create("network", f"{NETWORK}/networks", "network", {})
        for id in [id for id in self.model.things if id not in known]:
            cidr = f"10.{deed.draw.randrange(100, 200)}.0.0/24"
            body = {"network_id": id, "cidr": cidr, "ip_version": 4}
            self._create("subnet", f"{NETWORK}/subnets", "subnet", body, network=id)
        return True

    def _delete_network(self, deed: Deed) -> bool:
        network = self._pick(deed, "network")
        if network is None:
            return False
        self._delete(network, f"{NETWORK}/networks/{network.id}")
        for thing in self.model.there("subnet"):
            if thing.values["network"] == network.id:
                thing.state = network.state
        return True

    def _create_group(self, deed: Deed) -> bool:
        if not self._room("group"):
            return False
        return self._create("group", f"{NETWORK}/security-groups", "security_group", {})

    def _change_group(self, deed: Deed) -> bool:
        group = self._pick(deed, "group")
        if group is None:
            return False
        low = deed.draw.randrange(1, 60000)
        rule = {
            "security_group_id": group.id,
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": low,
            "port_range_max": low + 10,
        }
        path = f"{NETWORK}/security-group-rules"
        try:
            status, found, _ = self.wire.call("POST", path, {"security_group_rule": rule})
        except InDoubt:
            return True
        if status == 201:
            made = found["security_group_rule"]["id"]
            self.model.made("rule", made, group=group.id)
        return True

    def _delete_group(self, deed: Deed) -> bool:
        group = self._pick(deed, "group")
        if group is None:
            return False
        self._delete(group, f"{NETWORK}/security-groups/{group.id}")
        for rule in self.model.there("rule"):
            if rule.values["group"] == group.id:
                rule.state = group.state
        return True

    def _create_floating(self, deed: Deed) -> bool:
        if not self._room("floating"):
            return False
        body = {"floating_network_id": self.ground["public"]}
        return self._create("floating", f"{NETWORK}/floatingips", "floatingip", body, port_id=None)

    def _move_floating(self, deed: Deed) -> bool:
        floating = self._pick(deed, "floating")
        if floating is None:
            return False
        port = self._pick(deed, "port") if deed.draw.random() < 0.7 else None
        body = {"floatingip": {"port_id": port and port.id}}
        path = f"{NETWORK}/floatingips/{floating.id}"
        self._change(floating, "PUT", path, body, port_id=port and port.id)
        return True

    def _delete_floating(self, deed: Deed) -> bool:
        floating = self._pick(deed, "floating")
        if floating is None:
            return False
        return self._delete(floating, f"{NETWORK}/floatingips/{floating.id}")

    # After a broken call: look for what it may have made, and delete again what it may have left.

    def _settle_doubt(self, deed: Deed) -> bool:
        left = [t for t in self.model.things.values() if t.state == "doubt" and t.kind in PATHS]
        if left and (not self.model.unsought or deed.draw.random() < 0.5):
            thing = deed.draw.choice(left)
            return self._delete(thing, f"{PATHS[thing.kind][0]}/{thing.id}")
        if not self.model.unsought:
            return False
        kind, name = self.model.unsought.pop(0)
        path, many = PATHS[kind]
        field = "description" if kind == "floating" else "name"
        exact = f"^{name}$" if kind == "server" else name
        try:
            status, found, _ = self.wire.call("GET", f"{path}?{field}={exact}")
        except InDoubt:
            status = 503
        if status != 200:
            self.model.unsought.append((kind, name))
            return True
        for one in found[many]:
            values = {"port_id": DOUBT} if kind == "floating" else {"name": name}
            values |= {"network": one["network_id"]} if kind == "subnet" else {}
            thing = self.model.made(kind, one["id"], **values)
            thing.told = "found after a broken call"
            if kind == "subnet":
                # Its network may be on its way out: a delete that is in doubt takes both.
                thing.state = self.model.things[one["network_id"]].state
        return True

    # Looking, which must never fail.

    def _list(self, deed: Deed) -> bool:
        paths = (f"{SERVERS}/detail", f"{NETWORK}/ports", f"{NETWORK}/floatingips")
        self._look(deed.draw.choice(paths))
        return True

    def _show(self, deed: Deed) -> bool:
        state = "there" if deed.draw.random() < 0.8 else "gone"
        things = [t for t in self.model.things.values() if t.kind in ("server", "port")]
        things = [t for t in things if t.state == state][-40:]
        if not things:
            return self._list(deed)
        thing = deed.draw.choice(things)
        path = SERVERS if thing.kind == "server" else f"{NETWORK}/ports"
        status = self._look(f"{path}/{thing.id}")
        if status == 404 and thing.state == "there":
            self.wire.lost(f"{thing.kind} {thing.id} was acknowledged, and is not there")
        if status == 200 and thing.kind == "port" and thing.state == "gone":
            self.wire.lost(f"port {thing.id} was deleted, and is there")
        return True

    def _look(self, path: str) -> int:
        try:
            return self.wire.call("GET", path)[0]
        except InDoubt:
            return 503
