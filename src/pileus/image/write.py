"""Images made, changed and deleted; tags; deactivation."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden, TooLarge
from ..core.types import Metadata, Text
from ..wire.context import Context, Response
from . import locations, quota, seen, show
from .protection import Protection
from .removal import forget, sweep
from .rows import Image, ImageTag
from .settings import Settings

_TAG = Text(255)
_PROPERTY = Metadata(255, 65535, 1 << 20)
READ_ONLY = {
    "status",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "created_at",
    "updated_at",
    "self",
    "file",
    "schema",
    "direct_url",
    "stores",
}
_RESERVED = {"deleted", "deleted_at", "is_public", "properties", "upload", "staged", "importing"}
_BASE = {a.wire for a in Image.attrs.values() if a.show} | {"tags"}


def create(ctx: Context) -> Response:
    """POST /v2/images."""
    image, settings = new(ctx, ctx.body), ctx.parts[Settings]
    headers = {"Location": ctx.url(f"/v2/images/{image.id}")}
    headers["OpenStack-image-import-methods"] = ",".join(settings.enabled_import_methods)
    headers["OpenStack-image-store-ids"] = ",".join(one.id for one in settings.stores)
    return Response(201, show.one(ctx, ctx.tx, image), headers)


def new(ctx: Context, body: object) -> Image:
    """Add the image that a body describes. Raises Fault."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be an object.")
    protection = ctx.parts[Protection]
    for key in body:
        _writable(key)
        if key == "locations":
            raise Forbidden("Attribute 'locations' is set by PATCH.")
    known = {k: v for k, v in body.items() if k in _BASE and k != "tags"}
    values = Image.parse(known, "create", ctx.where)
    values.setdefault("owner", ctx.project_id)
    tags = parse_tags(ctx, body.get("tags", []))
    extra = {k: v for k, v in body.items() if k not in _BASE}
    values["properties"] = _properties(ctx, extra)
    for key in extra:
        protection.require(ctx, "create", key)
    ctx.require("add_image", {"project_id": values["owner"], "owner": values["owner"]})
    _may_show(ctx, values.get("visibility"), values["owner"])
    quota.claim(ctx.tx, values["owner"], ctx.parts, {quota.COUNT: 1})
    image = Image(**values)
    image.fill(ctx.tx)
    if ctx.tx.get(Image, image.id) is not None:
        raise Conflict(f"Image ID {image.id} already exists!")
    ctx.tx.add(image)
    ctx.tx.add_all([ImageTag(image_id=image.id, tag=tag) for tag in tags])
    return image


def update(ctx: Context) -> object:
    """PATCH /v2/images/{id}: a list of operations on its properties."""
    if not isinstance(ctx.body, list):
        raise BadRequest("Request body must be a JSON array of operation objects.")
    old = "v2.0" in ctx.request.headers.get("content-type", "")
    ops = [_operation(ctx, item, index, old) for index, item in enumerate(ctx.body)]
    # The web is asked before the transaction, which holds what others wait for.
    sizes = locations.sizes(ctx, [one.value for one in ops if one.key == "locations"])
    return ctx.within(lambda: _update(ctx, ops, sizes, old))


def _update(
    ctx: Context, ops: list["Operation"], sizes: Mapping[str, int | None], old: bool
) -> object:
    image = seen.asked(ctx, ctx.tx, "modify_image")
    protection = ctx.parts[Protection]
    extra = dict(image.properties)
    values: dict[str, Any] = {}
    for op, key, at, value in ops:
        if key == "locations":
            values |= locations.patched(ctx, image, values, op, at, value, sizes)
        elif key == "tags" and op != "remove":
            _replace_tags(ctx, image, parse_tags(ctx, value))
        elif key in _BASE:
            if old and op == "add":
                raise Conflict(f"Property {key} already present.")
            values |= _change(ctx, image, op, key, value)
        else:
            # What the caller may not read is, for the caller, not there.
            there = key in extra and protection.allows(ctx, "read", key)
            if op != "add" and not there:
                raise Conflict(f"Property {key[:80]} does not exist.")
            if op == "remove":
                protection.require(ctx, "delete", key)
                del extra[key]
                continue
            if old and op == "add" and there:
                raise Conflict(f"Property {key[:80]} already present.")
            protection.require(ctx, "update" if key in extra else "create", key)
            extra |= _PROPERTY.parse({key: value}, ctx.where)
    _properties(ctx, extra)
    ctx.tx.change(image, **values, properties=extra, updated_at=ctx.tx.now)
    return show.one(ctx, ctx.tx, image)


class Operation(NamedTuple):
    """One operation of a PATCH: `at` is the place in a list of locations, or empty."""

    op: str
    key: str
    at: str
    value: Any


def _operation(ctx: Context, item: object, index: int, old: bool) -> Operation:
    where = ctx.where.at(index)
    if not isinstance(item, dict):
        raise where.wrong(item, "an operation")
    ops = [op for op in ("add", "replace", "remove") if op in item] if old else [item.get("op")]
    op = ops[0] if len(ops) == 1 else None
    path = item.get(op) if old and isinstance(op, str) else item.get("path")
    if op not in ("add", "replace", "remove"):
        raise where.wrong(item, "an operation: add, replace or remove")
    found = isinstance(path, str) and re.fullmatch(
        r"/((?:[^/~]|~[01]){1,255})(?:/([^/~]{1,20}))?", path
    )
    if not isinstance(path, str) or not found:
        raise where.wrong(path, "a path of one step, such as /name")
    key, at = found[1].replace("~1", "/").replace("~0", "~"), found[2] or ""
    if bool(at) != (key == "locations" and op != "replace"):
        raise BadRequest(f"Invalid JSON pointer for this resource: {path[:80]!r}")
    if op != "remove" and "value" not in item:
        raise BadRequest(f"Operation {index}: {op} needs a value.")
    _writable(key)
    return Operation(op, key, at, item.get("value"))


def _properties(ctx: Context, extra: Mapping[str, Any]) -> dict[str, str]:
    most = ctx.parts[Settings].image_property_quota
    if 0 <= most < len(extra):
        raise TooLarge(f"Attempted: {len(extra)} properties, Maximum: {most}")
    return _PROPERTY.parse(dict(extra), ctx.where)


def _change(ctx: Context, image: Image, op: str, key: str, value: Any) -> dict[str, Any]:
    if op == "remove":
        raise Forbidden(f"Property {key} may not be removed.")
    if key == "id":
        raise Forbidden("Attribute 'id' is read-only.")
    if key in ("disk_format", "container_format") and image.status != "queued":
        raise Forbidden(f"Attribute {key} can be only replaced for a queued image.")
    values = Image.parse({key: value}, "update", ctx.where)
    if key == "owner" and not seen.is_admin(ctx):
        raise Forbidden("Owner can't be updated by non admin.")
    if key == "visibility" and value != image.visibility:
        _may_show(ctx, value, image.owner)
    return values


def _may_show(ctx: Context, visibility: str | None, owner: str) -> None:
    rule = {"public": "publicize_image", "community": "communitize_image"}.get(visibility or "")
    if rule:
        ctx.require(rule, {"project_id": owner, "owner": owner})


def _writable(key: str) -> None:
    if key in READ_ONLY:
        raise Forbidden(f"Attribute '{key}' is read-only.")
    if key in _RESERVED or key.startswith("os_glance_"):
        raise Forbidden(f"Attribute '{key[:80]}' is reserved.")


def parse_tags(ctx: Context, value: object) -> list[str]:
    """Tags from a body, each once."""
    where = ctx.where.at("tags")
    if not isinstance(value, list):
        raise where.wrong("...", "a list of tags")
    tags = list(dict.fromkeys(_TAG.parse(tag, where) for tag in value))
    most = ctx.parts[Settings].image_tag_quota
    if 0 <= most < len(tags):
        raise TooLarge(f"Attempted: {len(tags)} tags, Maximum: {most}")
    return tags


def _replace_tags(ctx: Context, image: Image, tags: list[str]) -> None:
    ctx.tx.remove_where(ImageTag, image_id=image.id)
    ctx.tx.add_all([ImageTag(image_id=image.id, tag=tag) for tag in tags])


def put_tag(ctx: Context) -> None:
    """PUT /v2/images/{id}/tags/{tag}."""
    image = seen.asked(ctx, ctx.tx, "modify_image")
    tags = {*show.tags(ctx.tx, [image.id])[image.id], ctx.params["tag"]}
    _replace_tags(ctx, image, parse_tags(ctx, sorted(tags)))
    ctx.tx.change(image, updated_at=ctx.tx.now)


def delete_tag(ctx: Context) -> None:
    """DELETE /v2/images/{id}/tags/{tag}."""
    image = seen.asked(ctx, ctx.tx, "modify_image")
    here = (ImageTag.image_id == image.id, ImageTag.tag == ctx.params["tag"])
    if not ctx.tx.remove_where(ImageTag, *here):
        raise seen.absent(f"{image.id} and tag {ctx.params['tag']}")
    ctx.tx.change(image, updated_at=ctx.tx.now)


def delete(ctx: Context) -> Response:
    """DELETE /v2/images/{id}: first the row, then the bytes; after a crash the loop mends."""

    def rows(tx: Tx) -> Image:
        image = seen.asked(ctx, tx, "delete_image")
        if image.protected:
            raise Forbidden(f"Image {image.id} is protected and cannot be deleted.")
        forget(tx, image)
        return image

    sweep(ctx.parts, ctx.db.run(rows))
    return Response(204)


def deactivate(ctx: Context) -> None:
    """POST /v2/images/{id}/actions/deactivate."""
    _switch(ctx, "deactivate", "deactivated")


def reactivate(ctx: Context) -> None:
    """POST /v2/images/{id}/actions/reactivate."""
    _switch(ctx, "reactivate", "active")


def _switch(ctx: Context, rule: str, status: str) -> None:
    image = seen.asked(ctx, ctx.tx, rule)
    if image.status not in ("active", "deactivated"):
        raise Forbidden(f"An image that is {image.status} cannot become {status}.")
    if image.status != status:
        ctx.tx.change(image, status=status, updated_at=ctx.tx.now)
