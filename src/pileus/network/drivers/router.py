"""A router in OVN: a distributed logical router whose gateway port is bound to chosen hosts."""

from collections.abc import Sequence
from typing import Any

from pileus.network.driver import Router, RouterPort
from pileus.network.drivers.northbound import Batch, label, labels


def ensure_router(batch: Batch, revision: int, router: Router, chassis: Sequence[str]) -> None:
    """Make the router what it should be; its gateway port goes to `chassis`, the first if alive."""
    gateway = next((port for port in router.ports if port.gateway), None)
    chosen = list(chassis) if gateway is not None else []
    marks = labels(
        "router",
        router.id,
        revision,
        name=router.name,
        gateway_port=gateway.id if gateway else "",
        gateway_network=gateway.network_id if gateway else "",
        chassis=" ".join(chosen),
    )
    fresh = batch.find("router", router.id) is None
    row = batch.ensure("router", router.id, marks, name=f"pileus-{router.id}", enabled=[router.up])
    _ports(batch, row, router, chosen, fresh)
    routes = {(to, via): {"ip_prefix": to, "nexthop": via} for to, via in router.routes}
    nats: dict[tuple[str, ...], dict[str, str]] = {
        ("snat", outside, inside): {} for inside, outside in router.snat
    }
    for id, outside, inside in router.floating:
        nats["dnat_and_snat", outside, inside] = {"pileus:floating": id}
    has_routes = [] if fresh else row.static_routes
    old_routes = {(route.ip_prefix, route.nexthop): route for route in has_routes}
    old_nats = {
        (nat.type, nat.external_ip, nat.logical_ip): nat for nat in ([] if fresh else row.nat)
    }
    for key, route in old_routes.items():
        if key not in routes:
            batch.part(row, "static_routes", route)
    for key, columns in routes.items():
        if key not in old_routes:
            new = batch.insert("Logical_Router_Static_Route", **columns)
            batch.join(row, "static_routes", new)
    for translation, nat in old_nats.items():
        if translation not in nats:
            batch.part(row, "nat", nat)
    for (type, outside, inside), mark in nats.items():
        nat = old_nats.get((type, outside, inside))
        if nat is not None:
            batch.put(nat, external_ids=mark)
            continue
        nat = batch.insert(
            "NAT", type=type, external_ip=outside, logical_ip=inside, external_ids=mark
        )
        batch.join(row, "nat", nat)


def forget_router(batch: Batch, id: str) -> None:
    """Remove the router with its ports, routes and translations; nothing there is fine."""
    batch.forget("router", id)


def _ports(batch: Batch, row: Any, router: Router, chosen: Sequence[str], fresh: bool) -> None:
    wanted = {f"lrp-{port.id}": port for port in router.ports}
    old = {} if fresh else {port.name: port for port in row.ports}
    for name, port in old.items():
        if name not in wanted:
            batch.part(row, "ports", port)
    for name, wish in wanted.items():
        columns = {
            "mac": wish.mac,
            "networks": list(wish.cidrs),
            "ipv6_ra_configs": _advertisements(wish),
        }
        port = old.get(name)
        if port is None:
            port = batch.insert("Logical_Router_Port", name=name, **columns)
            batch.join(row, "ports", port)
        else:
            batch.put(port, **columns)
        _bind(batch, port, chosen if wish.gateway else [], name not in old)
        peer = batch.find("port", wish.id)
        if peer is not None:
            # The gateway tells the outside of its own and the floating addresses.
            options = {"router-port": name}
            if wish.gateway:
                options["nat-addresses"] = "router"
            batch.put(peer, options=options)


def _bind(batch: Batch, port: Any, chosen: Sequence[str], fresh: bool) -> None:
    old = {} if fresh else {row.chassis_name: row for row in port.gateway_chassis}
    for name, row in old.items():
        if name not in chosen:
            batch.part(port, "gateway_chassis", row)
    for rank, name in enumerate(chosen):
        priority = len(chosen) - rank
        if name in old:
            batch.put(old[name], priority=priority)
        else:
            row = batch.insert(
                "Gateway_Chassis",
                name=f"{port.name}_{name}",
                chassis_name=name,
                priority=priority,
            )
            batch.join(port, "gateway_chassis", row)


def _advertisements(port: RouterPort) -> dict[str, str]:
    if port.ra is None or port.gateway or not any(":" in cidr for cidr in port.cidrs):
        return {}
    return {"address_mode": port.ra, "send_periodic": "true"}


def bound_to(row: Any) -> tuple[str, list[str]]:
    """The network of a router's gateway, if it has one, and the hosts the gateway is bound to."""
    return label(row, "gateway_network"), label(row, "chassis").split()
