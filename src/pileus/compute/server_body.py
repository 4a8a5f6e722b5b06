"""What a request to create a server may say, per microversion."""

import base64
import binascii
import re
from typing import Any

from ..core.errors import BadRequest
from ..core.types import (
    AnyOf,
    Bool,
    Enum,
    Field,
    Int,
    Ip,
    Json,
    ListOf,
    Metadata,
    Object,
    Text,
    Uuid,
)
from ..wire.context import Context

NAME = Text(255, 1, strip=True)
TAG = Text(60, 1, r"[^/,]+")
META = Metadata(255, 255, 10_000)  # the quota says how many
FQDN = Text(255, 1, r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?")
HOSTNAME = Text(63, 1, r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
_COUNT = Int(1, 1000, strings=True)
_SMALL = Text(255, 1)
_ID = AnyOf(Text(255, 1), Int(0))
_NETWORK = Object(
    {
        "uuid": Field(Uuid(), null=True),
        "port": Field(Uuid(), null=True),
        "fixed_ip": Ip(),
        "tag": Field(TAG, since=(2, 32)),
    }
)
_NETWORKS_WORD = Enum("none", "auto")
_FILE = Object({"path": Field(Text(255, 1), required=True), "contents": Text(65535)})
_DEVICE = Object(
    {
        "boot_index": Field(Int(-1, 255, strings=True), null=True),
        "source_type": Enum("image", "volume", "snapshot", "blank"),
        "destination_type": Enum("local", "volume"),
        "uuid": Field(_SMALL, null=True),
        "delete_on_termination": Bool(strings=True),
        "volume_size": Field(Int(1, strings=True), null=True),
        "device_name": Field(_SMALL, null=True),
        "device_type": Field(_SMALL, null=True),
        "disk_bus": Field(_SMALL, null=True),
        "guest_format": Field(_SMALL, null=True),
        "no_device": Json(),
        "tag": Field(TAG, since=(2, 32)),
        "volume_type": Field(_SMALL, null=True, since=(2, 67)),
    }
)
_SERVER = Object(
    {
        "name": Field(NAME, required=True),
        "imageRef": Text(255),
        "flavorRef": Field(_ID, required=True),
        "adminPass": Text(255),
        "metadata": META,
        "networks": Field(Json(), since=(2, 1)),
        "OS-DCF:diskConfig": Enum("AUTO", "MANUAL"),
        "accessIPv4": Field(AnyOf(Ip(4), Enum("")), null=True),
        "accessIPv6": Field(AnyOf(Ip(6), Enum("")), null=True),
        "personality": Field(ListOf(_FILE, limit=1000), until=(2, 56)),
        "availability_zone": _SMALL,
        "block_device_mapping": Json(),
        "block_device_mapping_v2": ListOf(_DEVICE, limit=64),
        "config_drive": Field(Bool(strings=True), null=True),
        "key_name": Field(_SMALL, null=True),
        "min_count": _COUNT,
        "max_count": _COUNT,
        "return_reservation_id": Bool(strings=True),
        "security_groups": ListOf(Object({"name": _SMALL}), limit=100),
        "user_data": Field(Text(65535), null=True),
        "description": Field(Text(255), null=True, since=(2, 19)),
        "tags": Field(ListOf(TAG, limit=50, unique=True), since=(2, 52)),
        "trusted_image_certificates": Field(ListOf(_SMALL, limit=50), null=True, since=(2, 63)),
        "host": Field(_SMALL, since=(2, 74)),
        "hypervisor_hostname": Field(_SMALL, since=(2, 74)),
        "hostname": Field(FQDN, since=(2, 90)),
    }
)
_IDS = AnyOf(Uuid(), ListOf(Uuid()))
_HINTS = Object({"group": Uuid(), "same_host": _IDS, "different_host": _IDS}, extra=True)


_COLUMNS = {
    "name": "name",
    "metadata": "meta",
    "OS-DCF:diskConfig": "disk_config",
    "accessIPv4": "access_ip_v4",
    "accessIPv6": "access_ip_v6",
    "description": "description",
    "user_data": "user_data",
    "hostname": "hostname",
}
_ADDRESSES = {"access_ip_v4", "access_ip_v6"}


def read(ctx: Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """The server and the scheduler hints that the body asks for. Raises BadRequest."""
    where = ctx.where.at("server")
    inner = ctx.inner("server")
    hints: Any = {}
    for key in ctx.body:
        if key in ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"):
            hints = ctx.body[key]
        elif key != "server":
            raise BadRequest(f"Additional properties are not allowed ({key[:80]!r}).")
    if isinstance(inner, dict) and "os:scheduler_hints" in inner:
        hints = inner["os:scheduler_hints"]
        inner = {k: v for k, v in inner.items() if k != "os:scheduler_hints"}
    body = _SERVER.parse(inner, where)
    check_hostname(ctx, body)
    if "networks" in body:
        body["networks"] = _networks(ctx, body["networks"])
    elif ctx.version >= (2, 37):
        raise BadRequest("server.networks is required and missing ('auto' and 'none' are words).")
    check_user_data(body.get("user_data"))
    if body.get("personality"):
        raise BadRequest(
            "Files cannot be injected (personality): give them as user_data for cloud-init."
        )
    if body.get("trusted_image_certificates"):
        raise BadRequest("Image signatures are not checked here: leave out the certificates.")
    return body, _HINTS.parse(hints, ctx.where.at("os:scheduler_hints"))


def columns(body: dict[str, Any]) -> dict[str, Any]:
    """What a body that changes a server says of its columns."""
    found = {_COLUMNS[key]: value for key, value in body.items() if key in _COLUMNS}
    return found | {name: found[name] or None for name in _ADDRESSES & found.keys()}


def check_hostname(ctx: Context, body: dict[str, Any], key: str = "server") -> None:
    """A whole domain name is possible from 2.94; before, a single label. Raises BadRequest."""
    if "hostname" in body and ctx.version < (2, 94):
        HOSTNAME.parse(body["hostname"], ctx.where.at(key).at("hostname"))


def _networks(ctx: Context, value: Any) -> Any:
    where = ctx.where.at("server").at("networks")
    if isinstance(value, str) and ctx.version >= (2, 37):
        return _NETWORKS_WORD.parse(value, where)
    return ListOf(_NETWORK, limit=64).parse(value, where)


def check_user_data(text: str | None) -> None:
    """It comes as base64. Raises BadRequest."""
    if text is None:
        return
    try:
        base64.b64decode(text, validate=False)
    except (ValueError, binascii.Error):
        raise BadRequest("Userdata content cannot be decoded: it must be base64.") from None
    if not re.fullmatch(r"[A-Za-z0-9+/=\s]*", text):
        raise BadRequest("Userdata content cannot be decoded: it must be base64.")


def image_of(body: dict[str, Any]) -> str:
    """The image that the server boots from. Raises BadRequest for volumes and for none."""
    ref = str(body.get("imageRef") or "").rstrip("/").rpartition("/")[2]
    if body.get("block_device_mapping"):
        raise BadRequest("Servers cannot boot from volumes yet: name an image.")
    devices = body.get("block_device_mapping_v2", [])
    for index, device in enumerate(devices):
        kinds = (device.get("source_type"), device.get("destination_type", "local"))
        if "volume" in kinds or "snapshot" in kinds:
            raise BadRequest(
                f"Block Device Mapping is Invalid: entry {index} wants a volume, and there is no"
                " block storage service yet; only an image on a local disk can be used."
            )
        if kinds != ("image", "local") or device.get("boot_index") not in (0, None):
            raise BadRequest(
                f"Block Device Mapping is Invalid: entry {index} must be source_type 'image',"
                " destination_type 'local' and boot_index 0."
            )
    named = [str(device["uuid"]) for device in devices if device.get("uuid")]
    if len(named) > 1 or (named and ref and named != [ref]):
        raise BadRequest("Block Device Mapping is Invalid: a server boots from one image.")
    found = ref or (named[0] if named else "")
    if not found:
        raise BadRequest("An imageRef is required: a server boots from an image.")
    return found
