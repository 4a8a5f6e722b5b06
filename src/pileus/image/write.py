"""Images made, changed and deleted; tags; deactivation; import."""

import re
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden
from ..core.types import Metadata, Text
from ..wire.context import Context, Response
from . import seen, show
from .rows import Image, ImageMember, ImageTag
from .upload import discard, promote

_TAG = Text(255)
_TAGS = 128
_PROPERTY = Metadata(255, 65535)
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
_RESERVED = {"deleted", "deleted_at", "is_public", "locations", "properties", "upload", "staged"}
_BASE = {a.wire for a in Image.attrs.values() if a.show} | {"tags"}


def create(ctx: Context) -> Response:
    """POST /v2/images."""
    if not isinstance(ctx.body, dict):
        raise BadRequest("The body must be an object.")
    for key in ctx.body:
        _writable(key)
    known = {k: v for k, v in ctx.body.items() if k in _BASE and k != "tags"}
    values = Image.parse(known, "create", ctx.where)
    values.setdefault("owner", ctx.project_id)
    tags = parse_tags(ctx, ctx.body.get("tags", []))
    extra = {k: v for k, v in ctx.body.items() if k not in _BASE}
    values["properties"] = _PROPERTY.parse(extra, ctx.where)
    ctx.require("add_image", {"project_id": values["owner"], "owner": values["owner"]})
    _may_show(ctx, values.get("visibility"), values["owner"])
    image = Image(**values)
    image.fill(ctx.tx)
    if ctx.tx.get(Image, image.id) is not None:
        raise Conflict(f"Image ID {image.id} already exists!")
    ctx.tx.add(image)
    ctx.tx.add_all([ImageTag(image_id=image.id, tag=tag) for tag in tags])
    headers = {"Location": ctx.url(f"/v2/images/{image.id}")}
    headers["OpenStack-image-import-methods"] = "glance-direct"
    return Response(201, show.one(ctx, ctx.tx, image), headers)


def update(ctx: Context) -> object:
    """PATCH /v2/images/{id}: a list of operations on its properties."""
    image = seen.asked(ctx, ctx.tx, "modify_image")
    if not isinstance(ctx.body, list):
        raise BadRequest("The body must be a list of operations.")
    media = ctx.request.headers.get("content-type", "")
    extra = dict(image.properties)
    values: dict[str, Any] = {}
    for index, item in enumerate(ctx.body):
        op, key, value = _operation(ctx, item, index, "v2.0" in media)
        if key == "tags" and op != "remove":
            _replace_tags(ctx, image, parse_tags(ctx, value))
        elif key in _BASE:
            values |= _change(ctx, image, op, key, value)
        elif op != "add" and key not in extra:
            raise Conflict(f"Property {key[:80]} does not exist.")
        elif op == "remove":
            del extra[key]
        else:
            extra |= _PROPERTY.parse({key: value}, ctx.where)
    _PROPERTY.parse(extra, ctx.where)
    ctx.tx.change(image, **values, properties=extra, updated_at=ctx.tx.now)
    return show.one(ctx, ctx.tx, image)


def _operation(ctx: Context, item: object, index: int, old: bool) -> tuple[str, str, Any]:
    where = ctx.where.at(index)
    if not isinstance(item, dict):
        raise where.wrong(item, "an operation")
    ops = [op for op in ("add", "replace", "remove") if op in item] if old else [item.get("op")]
    op = ops[0] if len(ops) == 1 else None
    path = item.get(op) if old and isinstance(op, str) else item.get("path")
    if op not in ("add", "replace", "remove"):
        raise where.wrong(item, "an operation: add, replace or remove")
    if not isinstance(path, str) or not re.fullmatch(r"/([^/~]|~[01]){1,255}", path):
        raise where.wrong(path, "a path of one step, such as /name")
    if op != "remove" and "value" not in item:
        raise BadRequest(f"Operation {index}: {op} needs a value.")
    key = path[1:].replace("~1", "/").replace("~0", "~")
    _writable(key)
    return op, key, item.get("value")


def _change(ctx: Context, image: Image, op: str, key: str, value: Any) -> dict[str, Any]:
    if op == "remove":
        raise Forbidden(f"Property {key} may not be removed.")
    if key == "id":
        raise Forbidden("Attribute 'id' is read-only.")
    if key in ("disk_format", "container_format") and image.status != "queued":
        raise Forbidden(f"Attribute {key} can be only replaced for a queued image.")
    values = Image.parse({key: value}, "update", ctx.where)
    if key == "owner" and not seen.is_admin(ctx):
        raise Forbidden("Only an admin gives an image to another owner.")
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
    if not isinstance(value, list) or len(value) > _TAGS:
        raise where.wrong("...", f"a list of at most {_TAGS} tags")
    return list(dict.fromkeys(_TAG.parse(tag, where) for tag in value))


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
        tx.remove_where(ImageTag, image_id=image.id)
        tx.remove_where(ImageMember, image_id=image.id)
        tx.remove(image)
        return image

    image = ctx.db.run(rows)
    from .store import ImageStore

    if image.upload:
        ctx.parts[ImageStore].drop(image.id, image.upload)
    discard(ctx.parts, image.id)
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


def import_staged(ctx: Context) -> Response:
    """POST /v2/images/{id}/import with the method glance-direct."""
    method = ctx.body.get("method") if isinstance(ctx.body, dict) else None
    name = method.get("name") if isinstance(method, dict) else None
    if name != "glance-direct":
        raise BadRequest(
            f"The import method is {str(name)[:80]!r}; glance-direct is possible here."
        )
    image = ctx.db.read(lambda tx: seen.asked(ctx, tx, "modify_image"))
    if image.status != "uploading" or image.staged is None:
        raise Conflict(f"Image {image.id} is {image.status}; stage its bytes before the import.")
    promote(ctx.parts, image.id)
    return Response(202)
