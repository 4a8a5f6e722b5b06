"""Images of servers: a snapshot, or a backup that replaces older ones; a flow does the rest."""

from .. import image as images
from ..core import flow
from ..core.errors import Forbidden
from ..core.quota import limits
from ..core.types import Field, Int, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.snapshot import SNAPSHOT_FLOW
from .quota import DEFAULTS
from .server import Server, find, hosted, idle, ready, unlocked
from .server_body import META, NAME

_IMAGE = Object({"name": Field(NAME, required=True), "metadata": META})
_BACKUP = Object(
    {
        "name": Field(NAME, required=True),
        "backup_type": Field(Text(255), required=True),
        "rotation": Field(Int(0, strings=True), required=True),
        "metadata": META,
    }
)
_FROM = ("active", "stopped", "paused", "suspended")
# What says how an image was signed or packed is not true of an image made of its server.
_NOT_INHERITED = ("img_signature", "cinder_encryption_key", "signature_", "os_")


def create_image(ctx: Context) -> object:
    """An image of the server's disk as it is now. The image is there at once, its bytes later."""
    body = _IMAGE.parse(ctx.inner("createImage"), ctx.where.at("createImage"))
    server = _ready(ctx, "servers:create_image", "createImage", body.get("metadata", {}))
    extra = {"image_type": "snapshot"} | body.get("metadata", {})
    image = reserve(ctx, server, body["name"], extra, ctx.who.project_id)
    instance_action.begin(ctx, server, "createImage", "compute_snapshot_instance")
    ctx.tx.change(server, task_state="image_snapshot_pending", updated_at=ctx.tx.now)
    flow.start(ctx.tx, SNAPSHOT_FLOW, server.id, ctx.request_id, image=image.id)
    return _answer(ctx, image)


def create_backup(ctx: Context) -> object:
    """An image of the server that stays until there are `rotation` newer ones of its type."""
    body = _BACKUP.parse(ctx.inner("createBackup"), ctx.where.at("createBackup"))
    server = _ready(ctx, "os-create-backup", "createBackup", body.get("metadata", {}))
    kind = {"image_type": "backup", "backup_type": body["backup_type"]}
    extra = kind | body.get("metadata", {})
    image = reserve(ctx, server, body["name"], extra, ctx.who.project_id)
    instance_action.begin(ctx, server, "createBackup", "compute_backup_instance")
    ctx.tx.change(server, task_state="image_backup", updated_at=ctx.tx.now)
    flow.start(
        ctx.tx,
        SNAPSHOT_FLOW,
        server.id,
        ctx.request_id,
        image=image.id,
        rotation=body["rotation"],
        kind=kind,
        owner=image.owner,
    )
    if body["rotation"] == 0 and ctx.version < (2, 45):
        return Response(202)  # the image will be gone before anybody could look at it
    return _answer(ctx, image)


def _ready(ctx: Context, name: str, verb: str, meta: dict[str, str]) -> Server:
    server = find(ctx, name)
    unlocked(ctx, server)
    ready(server, verb, _FROM)
    idle(ctx, server, verb)
    hosted(server)
    most = limits(ctx.tx, "compute", server.project_id, DEFAULTS)["metadata_items"]
    if len(meta) > most >= 0:
        raise Forbidden("Image metadata limit exceeded")
    return server


def reserve(
    ctx: Context, server: Server, name: str, extra: dict[str, str], owner: str
) -> images.Image:
    """An image of the server that has no bytes yet. Raises BadRequest for impossible properties."""
    properties = _properties(ctx, server) | extra
    return images.reserve(ctx.tx, owner, name, properties, server.disks[0]["size_gb"])


def _properties(ctx: Context, server: Server) -> dict[str, str]:
    """Where the image comes from, and how a guest of it is made."""
    own = server.image_properties.items()
    return {
        **{key: value for key, value in own if not key.startswith(_NOT_INHERITED)},
        "base_image_ref": server.image_id or "",
        "image_location": "snapshot",
        "image_state": "available",
        "instance_uuid": server.id,
        "owner_id": server.project_id,
        "user_id": ctx.who.user_id,
        "boot_roles": ",".join(sorted(ctx.who.roles)),
    }


def _answer(ctx: Context, image: images.Image) -> Response:
    if ctx.version >= (2, 45):
        return Response(202, {"image_id": image.id})
    location = f"{ctx.request.base}/image/v2/images/{image.id}"
    return Response(202, None, {"Location": location})


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, create_image, action="createImage"),
    Route("POST", _ACTION, create_backup, action="createBackup"),
)
