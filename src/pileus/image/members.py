"""The projects that a shared image is offered to."""

from typing import Any

from ..core.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from ..core.types import Enum, Text
from ..wire.context import Context, Response
from . import seen
from .rows import Image, ImageMember
from .settings import Settings

_MEMBER = Text(255, 1)
_STATUS = Enum("pending", "accepted", "rejected")
_WHEN = ImageMember.attrs["created_at"].type


def _view(row: ImageMember) -> dict[str, Any]:
    return {
        "image_id": row.image_id,
        "member_id": row.member_id,
        "status": row.status,
        "created_at": _WHEN.dump(row.created_at),
        "updated_at": _WHEN.dump(row.updated_at),
        "schema": "/v2/schemas/member",
    }


def _image(ctx: Context, rule: str) -> Image:
    image = seen.asked(ctx, ctx.tx, rule)
    if image.visibility != "shared":
        raise Forbidden("Only shared images have members.")
    return image


def _row(ctx: Context, image: Image) -> ImageMember:
    member = ctx.params["member_id"]
    row = ctx.tx.get(ImageMember, image.id, member)
    hidden = member != ctx.project_id and image.owner != ctx.project_id and not seen.is_admin(ctx)
    if row is None or hidden:
        raise NotFound(f"{member[:255]} not found in the member list of the image {image.id}.")
    return row


def _key(ctx: Context, key: str) -> object:
    if not isinstance(ctx.body, dict) or key not in ctx.body:
        raise BadRequest(f"The body must be an object with the key {key!r}.")
    return ctx.body[key]


def add(ctx: Context) -> object:
    """POST /v2/images/{id}/members."""
    image = _image(ctx, "add_member")
    member = _MEMBER.parse(_key(ctx, "member"), ctx.where.at("member"))
    if ctx.tx.get(ImageMember, image.id, member) is not None:
        raise Conflict(f"Image {image.id} is already shared with {member}.")
    most = ctx.parts[Settings].image_member_quota
    if 0 <= most <= ctx.tx.count(ImageMember, image_id=image.id):
        raise TooLarge(f"An image has at most {most} members.")
    return _view(ctx.tx.add(ImageMember(image_id=image.id, member_id=member)))


def listing(ctx: Context) -> object:
    """GET /v2/images/{id}/members: all for the owner, its own for a member."""
    image = _image(ctx, "get_members")
    where = [ImageMember.image_id == image.id]
    if image.owner != ctx.project_id and not seen.is_admin(ctx):
        where.append(ImageMember.member_id == ctx.project_id)
    rows = ctx.tx.all(ImageMember, *where, order=[ImageMember.created_at, ImageMember.member_id])
    return {"members": [_view(row) for row in rows], "schema": "/v2/schemas/members"}


def show(ctx: Context) -> object:
    """GET /v2/images/{id}/members/{member}."""
    return _view(_row(ctx, _image(ctx, "get_member")))


def update(ctx: Context) -> object:
    """PUT /v2/images/{id}/members/{member}: the member accepts or rejects."""
    image = _image(ctx, "get_member")
    row = _row(ctx, image)
    ctx.require("modify_member", {"project_id": image.owner, "member_id": row.member_id})
    status = _STATUS.parse(_key(ctx, "status"), ctx.where.at("status"))
    ctx.tx.change(row, status=status, updated_at=ctx.tx.now)
    return _view(row)


def delete(ctx: Context) -> Response:
    """DELETE /v2/images/{id}/members/{member}."""
    ctx.tx.remove(_row(ctx, _image(ctx, "delete_member")))
    return Response(204)
