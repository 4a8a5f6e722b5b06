"""Create servers: everything that they need is claimed in one transaction."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .. import image as images
from .. import network, placement
from ..core import flow
from ..core.errors import BadRequest, Forbidden, NotFound
from ..core.quota import UNLIMITED, check, guard, limits
from ..wire.context import Context, Response
from ..wire.route import Route
from . import boot_image, instance_action, server_body, server_view
from . import flavor as flavors
from .demand import isolated, needs
from .flows.create import CREATE, ask
from .flows.guest import POLL
from .group import ServerGroup
from .host import ComputeHost
from .keypair import Keypair
from .numa.topology import topology
from .numa.wanted import wanted
from .pci.alias import resolved
from .quota import DEFAULTS, usage
from .rules import rule
from .scheduler import NoValidHost, Scheduler, Wish
from .scheduler.filters import query
from .server import Server, ServerTag, live
from .spec import disks

Wanted = Sequence[network.NetworkRequest] | Literal["auto", "none"]


@dataclass(frozen=True)
class Order:
    """A checked request: what every one of its servers has in common."""

    body: dict[str, Any]
    flavor: flavors.Flavor
    image: images.Image
    root_gb: int
    keypair: Keypair | None
    wanted: Wanted
    security_groups: tuple[str, ...]
    wish: Wish
    zone: str


def create(ctx: Context) -> object:
    """Create one server or several. 202, or 403 over quota; no host is an ERROR server's fault."""
    body, hints = server_body.read(ctx)
    least = body.get("min_count", 1)
    most = body.get("max_count", least)
    if least > most:
        raise BadRequest("min_count must be <= max_count")
    guard(ctx.tx, ctx.who.project_id)
    order = _order(ctx, body, hints)
    count = _allowed(ctx, order, least, most)
    if count > 1 and _has_port(order.wanted):
        raise BadRequest("A port or a fixed IP cannot be given to several servers.")
    reservation = "r-" + ctx.tx.ids.hex()[:8]
    password = body.get("adminPass") or secrets.token_urlsafe(9)[:12]
    servers = [
        _one(ctx, order, reservation, password, index, count, most) for index in range(count)
    ]
    if body.get("return_reservation_id"):
        return Response(202, {"reservation_id": reservation})
    first = servers[0]
    answer = {
        "id": first.id,
        "links": server_view.links(ctx, first.id),
        "OS-DCF:diskConfig": first.disk_config,
        "security_groups": [{"name": name} for name in order.security_groups or ("default",)],
        "adminPass": password,
    }
    location = ctx.url(f"/v2.1/servers/{first.id}")
    return Response(202, {"server": answer}, {"Location": location})


def _order(ctx: Context, body: dict[str, Any], hints: dict[str, Any]) -> Order:
    flavor = _flavor(ctx, str(body["flavorRef"]))
    image = boot_image.named(ctx, server_body.image_of(body))
    if flavor.disk == 0:
        ctx.require(rule("servers:create:zero_disk_flavor"))
    root_gb = boot_image.root_gb(flavors.kept(flavor), image)
    keypair = None
    if body.get("key_name"):
        keypair = ctx.tx.get(Keypair, ctx.who.user_id, body["key_name"])
        if keypair is None:
            raise BadRequest("Invalid key_name provided.")
    meta = body.get("metadata")
    if meta and len(meta) > _limits(ctx)["metadata_items"] >= 0:
        raise Forbidden("Maximum number of metadata items exceeds the quota.")
    aliases = ctx.parts[Scheduler].settings.pci_alias
    snapshot, properties = resolved(flavors.kept(flavor), aliases), boot_image.properties(image)
    wanted(snapshot, properties)
    isolated(snapshot)
    topology(snapshot, properties)
    zone, host = _zone(ctx, body)
    group_id = _group(ctx, hints)
    _check_hints(ctx, hints)
    return Order(
        body=body,
        flavor=flavor,
        image=image,
        root_gb=root_gb,
        keypair=keypair,
        wanted=_wanted(body),
        security_groups=tuple(
            dict.fromkeys(g["name"] for g in body.get("security_groups", []) if "name" in g)
        ),
        wish=Wish(
            resources=needs(snapshot, root_gb, properties),
            zone=zone,
            host=host,
            group_id=group_id,
            hints=hints,
            flavor=snapshot,
            image=properties,
            image_id=image.id,
            project_id=ctx.who.project_id,
        ),
        zone=zone,
    )


def _limits(ctx: Context) -> dict[str, int]:
    return limits(ctx.tx, "compute", ctx.who.project_id, DEFAULTS)


def _flavor(ctx: Context, ref: str) -> flavors.Flavor:
    try:
        return flavors.find(ctx, ref.rstrip("/").rpartition("/")[2])
    except NotFound as missing:
        raise BadRequest(missing.message) from None


def _zone(ctx: Context, body: dict[str, Any]) -> tuple[str, str]:
    """The availability zone and host that are asked for, each maybe ""."""
    zone, _, host = str(body.get("availability_zone", "")).partition(":")
    host = host.partition(":")[0] or body.get("availability_zone", "").rpartition(":")[2]
    if ":" not in body.get("availability_zone", ""):
        host = ""
    if host:
        ctx.require(rule("servers:create:forced_host"))
    asked = body.get("host") or body.get("hypervisor_hostname")
    if asked:
        ctx.require("compute:servers:create:requested_destination")
        named = (ComputeHost.host == asked) | (ComputeHost.hostname == asked)
        if not ctx.tx.exists(ComputeHost, named):
            raise BadRequest(f"Compute host {asked} could not be found.")
        host = asked
    if zone and not ctx.tx.exists(ComputeHost, zone=zone):
        raise BadRequest("The requested availability zone is not available")
    return zone, host


def _group(ctx: Context, hints: dict[str, Any]) -> str | None:
    asked: str | None = hints.get("group")
    if asked is None:
        return None
    where = [] if "admin" in ctx.who.roles else [ServerGroup.project_id == ctx.who.project_id]
    group = ctx.tx.one(ServerGroup, ServerGroup.id == asked, *where)
    if group is None:
        raise BadRequest(f"Instance group {asked} could not be found.")
    members = {"server_group_members": ctx.tx.count(Server, Server.group_id == group.id, live())}
    check({"server_group_members": 1}, members, _limits(ctx))
    return group.id


def _check_hints(ctx: Context, hints: dict[str, Any]) -> None:
    """Raises BadRequest for hints that mean something elsewhere and cannot be followed here."""
    if "build_near_host_ip" in hints or "cidr" in hints:
        raise BadRequest(
            "The scheduler hint build_near_host_ip cannot be followed: hosts are not chosen by"
            " their addresses. same_host, different_host and group are hints."
        )
    if hints.get("query") is not None:
        if "JsonFilter" not in ctx.parts[Scheduler].settings.enabled_filters:
            raise BadRequest(
                "The scheduler hint query cannot be followed: the operator has not enabled"
                " JsonFilter."
            )
        query.parsed(hints["query"])


def _wanted(body: dict[str, Any]) -> Wanted:
    asked = body.get("networks", "auto")
    if isinstance(asked, str):
        return "none" if asked == "none" else "auto"
    if not asked:
        return "auto"
    found = []
    for one in asked:
        if one.get("port") is None and one.get("uuid") is None:
            raise BadRequest("Each of server.networks must name a port or the uuid of a network.")
        found.append(
            network.NetworkRequest(
                network_id=None if one.get("port") else one.get("uuid"),
                port_id=one.get("port"),
                fixed_ip=one.get("fixed_ip"),
                tag=one.get("tag"),
            )
        )
    return found


def _has_port(wanted: Wanted) -> bool:
    return not isinstance(wanted, str) and any(w.port_id or w.fixed_ip for w in wanted)


def _allowed(ctx: Context, order: Order, least: int, most: int) -> int:
    """How many of the servers quota lets the project have. Raises OverQuota under `least`."""
    each = {"instances": 1, "cores": order.flavor.vcpus, "ram": order.flavor.ram}
    limit = _limits(ctx)
    if all(limit[name] == UNLIMITED for name in each):
        return most  # what nobody bounds is not counted
    used = usage(ctx.tx, ctx.who.project_id)
    room = [
        max(0, (limit[name] - used[name]) // amount)
        for name, amount in each.items()
        if limit[name] != UNLIMITED and amount
    ]
    count = min([most, *room])
    if count < least:
        check({name: amount * least for name, amount in each.items()}, used, limit)
    return max(count, least)


def _hostname(name: str, server_id: str) -> str:
    """A name for inside the guest: letters, digits and dashes, or one made of the id."""
    found = re.sub(r"[^a-z0-9.-]", "", re.sub(r"[ _]", "-", name.lower())).strip(".-")[:63]
    return re.sub(r"\.+", "-", found).strip("-") or f"server-{server_id}"


def _one(
    ctx: Context,
    order: Order,
    reservation: str,
    password: str,
    index: int,
    count: int,
    most: int,
) -> Server:
    """One server with all that it holds, or, without a host for it, an ERROR row."""
    tx, body, snapshot = ctx.tx, order.body, dict(order.wish.flavor)
    server_id = tx.ids.uuid()
    name = body["name"] if most == 1 else f"{body['name']}-{index + 1}"
    hostname = body.get("hostname") or _hostname(name, server_id)
    if body.get("hostname") and count > 1:
        hostname = f"{hostname}-{index + 1}"
    server = Server(
        id=server_id,
        name=name,
        description=body.get("description") if ctx.version >= (2, 19) else name,
        project_id=ctx.who.project_id,
        user_id=ctx.who.user_id,
        zone=order.zone,
        hostname=hostname,
        image_id=order.image.id,
        image_properties=boot_image.properties(order.image),
        image_min_ram=order.image.min_ram,
        flavor_id=order.flavor.id,
        flavor=snapshot,
        vcpus=order.flavor.vcpus,
        memory_mb=order.flavor.ram,
        disks=disks(snapshot, order.image.id, order.root_gb),
        key_name=order.keypair.name if order.keypair else None,
        key_data=order.keypair.public_key if order.keypair else None,
        key_type=order.keypair.type if order.keypair else "ssh",
        user_data=body.get("user_data"),
        admin_pass=tx.vault.seal(password),
        config_drive=bool(body.get("config_drive")),
        disk_config=body.get("OS-DCF:diskConfig", "MANUAL"),
        meta=body.get("metadata", {}),
        access_ip_v4=body.get("accessIPv4") or None,
        access_ip_v6=body.get("accessIPv6") or None,
        reservation_id=reservation,
        launch_index=index,
        hints=order.wish.hints,
        group_id=order.wish.group_id,
        task_state="spawning",
    )
    network.claim_ports(
        tx,
        ctx.who,
        server_id,
        order.wanted,
        hostname=hostname,
        security_groups=order.security_groups,
        availability_zone=order.zone or "nova",
    )
    problem = None
    try:
        host = ctx.parts[Scheduler].place(tx, server, order.wish)
        server.host, server.generation = host.host, 1
        network.bind_ports(tx, server_id, host.host)
    except (NoValidHost, placement.NoCapacity) as none:
        problem = str(none)
        network.release_ports(tx, server_id)
        server.vm_state, server.task_state = "error", None
        created = tx.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        server.fault = {"code": 500, "created": created, "message": problem, "details": problem}
        if isinstance(none, NoValidHost):
            server.fault["funnel"] = none.funnel.view()
    tx.add(server)
    tx.add_all([ServerTag(server_id=server_id, tag=tag) for tag in body.get("tags", [])])
    instance_action.begin(ctx, server, "create", "compute__do_build_and_run_instance")
    if problem is None:
        ask(tx, server)
        flow.start(tx, CREATE, server_id, ctx.request_id, after=POLL)
    else:
        instance_action.finish(tx, server, ctx.request_id, problem)
    return server


ROUTES = (Route("POST", "/v2.1/servers", create, policy=rule("servers:create")),)
