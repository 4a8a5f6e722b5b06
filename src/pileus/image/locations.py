"""Where images' bytes lie, as admins and other services see and change it.

The old way, a PATCH of `locations`, is there only with show_multiple_locations, as upstream has it.
A location is a URL of the web; the stores' own places come by upload, import and copy.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core import guarded
from ..core.backend import Broken, Refused
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from ..core.types import Enum, Field, Metadata, Object, Text
from ..wire.context import Context, Response
from . import imports, seen
from .places import Stores
from .removal import take_away
from .rows import Image
from .settings import Settings

_LOCATION = Object(
    {
        "url": Field(Text(2048, 1), required=True),
        "metadata": Metadata(255, 2048),
        "validation_data": Object(
            {
                "checksum": Text(32, 1),
                "os_hash_algo": Text(64, 1),
                "os_hash_value": Text(128, 1),
            }
        ),
    }
)
_ADD = Object(
    {
        "url": Field(Text(2048, 1), required=True),
        "validation_data": Object(
            {
                "os_hash_algo": Field(Enum("sha1", "sha256", "sha512", "md5"), required=True),
                "os_hash_value": Field(Text(128, 1), required=True),
            }
        ),
    }
)


def _store_of(ctx: Context, url: str) -> str:
    """The declared store that reads this URL. Raises BadRequest."""
    if url.startswith(("http://", "https://")):
        for place in ctx.parts[Settings].stores:
            if place.kind == "http":
                return place.id
    raise BadRequest(f"Invalid location {url[:80]!r}: no store of this cloud reads it.")


def sizes(ctx: Context, values: Sequence[object]) -> dict[str, int | None]:
    """How large what each new URL names is, where its server says so. Raises BadRequest."""
    found: dict[str, int | None] = {}
    if not values or not ctx.parts[Settings].show_multiple_locations:
        return found
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            url = one.get("url") if isinstance(one, dict) else None
            if isinstance(url, str) and url not in found:
                _store_of(ctx, url)
                found[url] = _size(ctx, url)
    return found


def _size(ctx: Context, url: str) -> int | None:
    try:
        answer = guarded.ask(url, ctx.parts[Stores].guard)
    except (Refused, Broken) as wrong:
        raise BadRequest(f"Invalid location {url[:80]!r}: {wrong}") from None
    answer.pieces.close()  # type: ignore[attr-defined]
    if answer.status != 200:
        raise BadRequest(f"Invalid location {url[:80]!r}: it is answered with {answer.status}.")
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def patched(
    ctx: Context,
    image: Image,
    changed: Mapping[str, Any],
    op: str,
    at: str,
    value: Any,
    sizes: Mapping[str, int | None],
) -> dict[str, Any]:
    """What one operation on `locations` changes of the image. Raises Fault."""
    settings = ctx.parts[Settings]
    if op == "replace" and not value:
        raise Forbidden("Cannot set locations to empty list.")
    if not settings.show_multiple_locations:
        raise Forbidden("It's not allowed to update locations if locations are invisible.")
    rule = "delete_image_location" if op == "remove" else "set_image_location"
    ctx.require(rule, seen.target(ctx.tx, ctx.who, image))
    status = changed.get("status", image.status)
    if status not in ("active",) + (() if op == "remove" else ("queued",)):
        raise Conflict(f"It's not allowed to {op} locations if image status is {status}.")
    places = list(changed["locations"]) if "locations" in changed else image.places
    if op == "remove":
        if len(places) == 1:
            raise Forbidden("Cannot remove last location in the image.")
        index = _index(at, len(places) - 1)
        if "url" not in places[index]:
            raise Forbidden("The image's own bytes go by DELETE /v2/stores/{store}/{image}.")
        del places[index]
        return {"locations": places}
    given = value if op == "replace" else [value]
    new = [_place(ctx, one) for one in given]
    if op == "replace":
        # What is there may only be told other metadata; upstream's words.
        if places and [one.get("url") for one in places] != [one["url"] for one in new]:
            raise BadRequest("Original locations is not empty: add and remove them one by one.")
        places = new
    else:
        places.insert(_index(at, len(places)), new[0])
    told = _told(image, changed, [one.get("validation_data", {}) for one in given])
    urls = [one["url"] for one in places if "url" in one]
    if len(urls) != len(set(urls)):
        raise BadRequest("The same location stands there twice.")
    if 0 <= settings.image_location_quota < len(places):
        raise TooLarge(f"At most {settings.image_location_quota} locations are allowed.")
    found: dict[str, Any] = {"locations": places, "status": "active", **told}
    if image.size is None:
        found["size"] = changed.get("size", sizes.get(new[0]["url"]))
    return found


def _place(ctx: Context, value: object) -> dict[str, Any]:
    found = _LOCATION.parse(value, ctx.where.at("locations"))
    metadata = {k: v for k, v in found.get("metadata", {}).items() if k != "store"}
    return {"store": _store_of(ctx, found["url"]), "url": found["url"], "metadata": metadata}


def _told(
    image: Image, changed: Mapping[str, Any], given: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """The hashes that an admin tells of a new image's bytes. Raises Conflict.

    They are not looked at here, but whenever the bytes are used for a guest.
    """
    told: dict[str, Any] = {}
    for one in given:
        for key, value in one.items():
            if told.setdefault(key, value) != value:
                raise Conflict(f"Conflicting values for {key}")
    new = {}
    for key, value in told.items():
        known = changed.get(key, getattr(image, key))
        if known is not None and known != value:
            raise Conflict(f"{key} is already set with a different value")
        if known is None:
            new[key] = value
    if not new:
        return {}
    if image.status != "queued":
        raise Conflict(f"{', '.join(new)} may only be told of an image that is queued.")
    if new.get("os_hash_algo") != "sha512" or "os_hash_value" not in new:
        raise Conflict("os_hash_algo must be sha512, with its os_hash_value")
    for key, digits in (("checksum", 32), ("os_hash_value", 128)):
        if key in new and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", new[key]):
            raise Conflict(f"{key} must be {digits} hexadecimal digits")
    return new


def _index(at: str, most: int) -> int:
    if at == "-":
        return most
    if not at.isdecimal() or not at.isascii() or int(at) > most:
        raise BadRequest("Invalid position for a location.")
    return int(at)


def add(ctx: Context) -> Response:
    """POST /v2/images/{id}/locations: the image's bytes are those of a URL; hashed in a task."""
    body = _ADD.parse(ctx.body, ctx.where)
    image = seen.find(ctx.tx, ctx.who, seen.is_admin(ctx), ctx.params["image_id"])
    ctx.require("add_image_location", seen.target(ctx.tx, ctx.who, image))
    if image.status != "queued":
        raise Conflict(f"It's not allowed to add locations if image status is {image.status}.")
    given = body.get("validation_data")
    if given is not None:
        size = hashlib.new(given["os_hash_algo"], usedforsecurity=False).digest_size
        try:
            right = len(bytes.fromhex(given["os_hash_value"])) == size
        except ValueError:
            right = False
        if not right:
            raise BadRequest(
                f"os_hash_value must be {2 * size} hexadecimal digits for {given['os_hash_algo']}."
            )
    store = _store_of(ctx, body["url"])
    try:
        ctx.parts[Stores].guard.check(body["url"])
    except Refused as wrong:
        raise BadRequest(f"Invalid location: {wrong}") from None
    imports.begin_location(ctx, image, store, body["url"], given)
    return Response(202)


def listing(ctx: Context) -> object:
    """GET /v2/images/{id}/locations, for other services."""
    others = seen.is_admin(ctx) or (bool(ctx.project_id) and "service" in ctx.who.roles)
    image = seen.find(ctx.tx, ctx.who, others, ctx.params["image_id"])
    ctx.require("fetch_image_location", seen.target(ctx.tx, ctx.who, image))
    stores = ctx.parts[Stores]
    return [
        {
            "url": stores.url(image.id, place),
            "metadata": {**place.get("metadata", {}), "store": place["store"]},
        }
        for place in image.places
    ]


def remove_from_store(ctx: Context) -> Response:
    """DELETE /v2/stores/{store_id}/{image_id}: one copy of several goes."""
    store_id = ctx.params["store_id"]
    if ctx.parts[Settings].store(store_id) is None:
        raise Conflict(f"The selected store {store_id[:80]} is not available on this node.")

    def rows() -> Image:
        image = seen.asked(ctx, ctx.tx, "get_image_location")
        ctx.require("delete_image_location", seen.target(ctx.tx, ctx.who, image))
        if image.status != "active" or (image.importing or {}).get("to"):
            raise Conflict(
                "It's not allowed to remove image data from store if image status is not 'active'"
                " or while it is being copied."
            )
        if len(image.places) == 1:
            raise Forbidden(
                "Cannot delete image data from the only store containing it. Consider deleting the"
                " image instead."
            )
        left = [one for one in image.places if one["store"] != store_id]
        if len(left) == len(image.places):
            raise NotFound(f"Image {image.id} is not stored in store {store_id}.")
        if not left:
            raise Forbidden("Cannot delete image data from the only store containing it.")
        ctx.tx.change(image, locations=left, updated_at=ctx.tx.now)
        return image

    take_away(ctx.parts, ctx.within(rows).id, store_id)
    return Response(204)
