"""Resizing a server, and confirming or reverting that; flows do the rest."""

from collections import Counter
from typing import Any

from .. import placement
from ..core import flow
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.quota import check, guard, limits
from ..core.types import AnyOf, Enum, Field, Int, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import boot_image, instance_action
from . import flavor as flavors
from .demand import beyond, groups, isolated, takes
from .flows.move import CONFIRM_MOVE, REVERT_MOVE
from .flows.resize import CONFIRM, RESIZE, REVERT
from .host import ComputeHost, host_id
from .migration import Migration, close, counted, end_stale, open_of, planned, shares
from .numa.topology import topology
from .numa.wanted import wanted
from .pci.alias import resolved as resolve
from .quota import DEFAULTS, usage
from .scheduler import NoValidHost, Scheduler, Wish, resized, wish_of
from .server import Server, find, hosted, idle, ready, unlocked
from .server_migrate import move
from .spec import disks

_RESIZE = Object(
    {
        "flavorRef": Field(AnyOf(Text(255, 1), Int(0)), required=True),
        "OS-DCF:diskConfig": Enum("AUTO", "MANUAL"),
    }
)


def resize(ctx: Context) -> object:
    """Give a server another flavor, on its host if there is room, else on another.

    400 for a flavor that it cannot take, and when no host has room; 403 over quota.
    """
    body = _RESIZE.parse(ctx.inner("resize"), ctx.where.at("resize"))
    server = find(ctx, "servers:resize")
    unlocked(ctx, server)
    ready(server, "resize", ("active", "stopped"))
    idle(ctx, server, "resize")
    host = hosted(server)
    old, new = server.flavor, _new_flavor(ctx, server, str(body["flavorRef"]))
    end_stale(ctx.tx, server.id)
    guard(ctx.tx, server.project_id)
    more = {"cores": new["vcpus"] - old["vcpus"], "ram": new["ram"] - old["ram"]}
    limit = limits(ctx.tx, "compute", server.project_id, DEFAULTS)
    check(more, usage(ctx.tx, server.project_id), limit)
    if "OS-DCF:diskConfig" in body:
        ctx.tx.change(server, disk_config=body["OS-DCF:diskConfig"])
    new_disks = disks(new, server.disks[0]["image"], server.disks[0]["size_gb"])
    migration = planned(ctx.tx, ctx.who, server, "resize", host, new, new_disks)
    if not _fits(ctx, server, migration):
        move(ctx, server, new, new_disks, "resize")
        return Response(202)
    ctx.tx.add(migration)
    instance_action.begin(ctx, server, "resize", "compute_resize_instance")
    values = counted(server, migration) | {"task_state": "resize_prep", "updated_at": ctx.tx.now}
    ctx.tx.change(server, **values)
    flow.start(ctx.tx, RESIZE, server.id, ctx.request_id, migration=migration.uuid)
    return Response(202)


def _new_flavor(ctx: Context, server: Server, ref: str) -> dict[str, Any]:
    try:
        flavor = flavors.find(ctx, ref.rstrip("/").rpartition("/")[2])
    except NotFound as missing:
        raise BadRequest(missing.message) from None
    if flavor.id == server.flavor_id:
        raise BadRequest("When resizing, instances must change flavor!")
    old, why = server.flavor, ""
    if flavor.disk == 0 and old["disk"] != 0:
        why = "Resize to zero disk flavor is not allowed."
    elif flavor.disk and flavor.disk < server.disks[0]["size_gb"]:
        why = "Unable to resize disk down."
    elif flavor.ephemeral < old["ephemeral"]:
        why = "Unable to resize disk down: the ephemeral disk would shrink."
    if why:
        raise BadRequest(f"Server disk was unable to be resized because: {why}")
    new = resolve(flavors.kept(flavor), ctx.parts[Scheduler].settings.pci_alias)
    boot_image.check_ram(new, server.image_min_ram)
    wanted(new, server.image_properties)
    isolated(new)
    topology(new, server.image_properties)
    return new


def _fits(ctx: Context, server: Server, migration: Migration) -> bool:
    """Claim what the larger size needs of the present host; false when it cannot be there."""
    key = host_id(hosted(server))
    host, amounts = ctx.tx.get(ComputeHost, key), shares(server, migration)[key]
    wish = resized(wish_of(server), migration.new_flavor, migration.new_disks[0]["size_gb"])
    if host is None or any(wanted(one, wish.image) for one in (server.flavor, wish.flavor)):
        return False  # its old cells and its new ones would both have to be kept on one host
    if not _keeps(ctx, server, wish):
        return False
    try:
        ctx.parts[Scheduler].check(ctx.tx, host, wish)
        placement.claim(ctx.tx, server.id, server.project_id, server.user_id, key, amounts)
    except (NoValidHost, placement.NoCapacity):
        return False
    return True


def _keeps(ctx: Context, server: Server, wish: Wish) -> bool:
    """Whether what other providers than the host's own give it is right for the new flavor too.

    Else the old and the new would both have to be held of one tree, and be told apart.
    """
    root, held = host_id(hosted(server)), placement.holdings(ctx.tx, server.id)
    below = Counter[str]()
    for id, amounts in held.items():
        below.update(amounts if id != root else {})
    old, new = beyond(server.flavor, wish.image), beyond(wish.flavor, wish.image)
    if old != new and (below or groups(server.flavor) or groups(wish.flavor)):
        return False
    return below <= Counter(takes(wish.flavor, 0, wish.image))


def confirm(ctx: Context) -> object:
    """Keep the new flavor, and give up what is needed to go back."""
    server, migration = _resized(ctx, "confirmResize", "servers:confirm_resize")
    close(ctx.tx, migration, "confirming")
    instance_action.begin(ctx, server, "confirmResize", "compute_confirm_resize")
    kind = CONFIRM if migration.source_host == migration.dest_host else CONFIRM_MOVE
    flow.start(ctx.tx, kind, server.id, ctx.request_id, migration=migration.uuid)
    return Response(204)


def revert(ctx: Context) -> object:
    """Go back to the old flavor, and to the disks as they were."""
    server, migration = _resized(ctx, "revertResize", "servers:revert_resize")
    close(ctx.tx, migration, "reverting")
    instance_action.begin(ctx, server, "revertResize", "compute_revert_resize")
    ctx.tx.change(server, task_state="resize_reverting", updated_at=ctx.tx.now)
    kind = REVERT if migration.source_host == migration.dest_host else REVERT_MOVE
    flow.start(ctx.tx, kind, server.id, ctx.request_id, migration=migration.uuid)
    return Response(202)


def _resized(ctx: Context, verb: str, name: str) -> tuple[Server, Migration]:
    server = find(ctx, name)
    unlocked(ctx, server)
    ready(server, verb, ("resized",))
    migration = open_of(ctx.tx, server.id)
    if migration is None:
        raise BadRequest("Instance has not been resized.")
    if migration.status != "finished":
        raise Conflict(
            f"Cannot '{verb}' instance {server.id} while its resize is {migration.status}"
        )
    return server, migration


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, resize, action="resize"),
    Route("POST", _ACTION, confirm, action="confirmResize"),
    Route("POST", _ACTION, revert, action="revertResize"),
)
