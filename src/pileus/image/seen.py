"""Which images a caller sees, and the targets that policy rules are asked about."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import NotFound
from ..core.policy import Credentials
from ..wire.context import Context
from .rows import Image, ImageMember

Condition = sa.ColumnElement[bool]


def absent(image_id: str) -> NotFound:
    """The 404 of an image that is not there or not the caller's to see."""
    return NotFound(f"No image found with ID {image_id[:255]}")


def shared_with(project_id: str, status: str = "all") -> Condition:
    """Images that are shared with a project, by its answer to the offer."""
    conditions = [ImageMember.image_id == Image.id, ImageMember.member_id == project_id]
    if status != "all":
        conditions.append(ImageMember.status == status)
    return sa.and_(
        Image.visibility == "shared",
        sa.exists(sa.select(sa.literal(1)).select_from(ImageMember.table).where(*conditions)),
    )


def scope(who: Credentials, admin: bool) -> Sequence[Condition]:
    """The images that the caller may know of by their id."""
    if admin:
        return ()
    return (
        sa.or_(
            Image.owner == who.project_id,
            Image.visibility.in_(["public", "community"]),
            shared_with(who.project_id),
        ),
    )


def find(tx: Tx, who: Credentials, admin: bool, image_id: str) -> Image:
    """The image with this id. Raises NotFound."""
    image = tx.get(Image, image_id.lower())
    if image is None or not (admin or _visible(tx, who, image)):
        raise absent(image_id)
    return image


def _visible(tx: Tx, who: Credentials, image: Image) -> bool:
    """What `scope` says, of an image that is at hand."""
    if image.owner == who.project_id or image.visibility in ("public", "community"):
        return True
    member = image.visibility == "shared" and tx.get(ImageMember, image.id, who.project_id)
    return bool(member)


def target(tx: Tx, who: Credentials, image: Image) -> Mapping[str, Any]:
    """What rules are checked against for this image and caller."""
    found = {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility}
    if image.visibility == "shared" and image.owner != who.project_id:
        # Seen under "shared" only by its members; the rule's word alone would let all in.
        found["visibility"] = ""
        if tx.exists(ImageMember, image_id=image.id, member_id=who.project_id):
            found |= {"visibility": "shared", "member_id": who.project_id}
    return found


def is_admin(ctx: Context) -> bool:
    """Whether the caller sees every project's images. A token for no project never does."""
    return bool(ctx.project_id) and ctx.allows("context_is_admin")


def asked(ctx: Context, tx: Tx, rule: str) -> Image:
    """The image that the path names, if policy lets the caller do this to it.

    Raises NotFound for one that the caller cannot see, Forbidden for one that it can.
    """
    image = find(tx, ctx.who, is_admin(ctx), ctx.params["image_id"])
    about = target(tx, ctx.who, image)
    if not ctx.allows("get_image", about):
        raise absent(image.id)
    ctx.require(rule, about)
    return image
