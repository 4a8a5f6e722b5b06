"""Where an import's bytes come from: a URL, or the image service of a region."""

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .. import identity
from ..core import guarded
from ..core.backend import Refused
from ..core.flow import Run
from .places import Stores
from .rows import CONTAINER_FORMATS, DISK_FORMATS, Image
from .settings import Settings

_MOST = 1 << 20  # bytes of an image's description
_ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# The catalog is the operator's: what it names may be private.
_CATALOG = guarded.Guard(ports=(), networks=_ANYWHERE)


@dataclass(frozen=True)
class Source:
    """Bytes that are on their way, and the attributes that the image takes from the source."""

    pieces: Iterator[bytes]
    like: dict[str, Any] = field(default_factory=dict)


class Digest:
    """A hash by its name, fed piece by piece."""

    def __init__(self, name: str) -> None:
        self.name, self._hash = name, hashlib.new(name, usedforsecurity=False)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(data)

    @property
    def value(self) -> str:
        """The hash of all so far, in hexadecimal digits."""
        return self._hash.hexdigest()


def source(run: Run, image: Image) -> Source:
    """Ask for the bytes. Raises Refused, Broken, FileNotFoundError."""
    method, settings = run.args["method"], run.parts[Settings]
    if method["name"] == "glance-download":
        return _region(run, method, settings)
    guard = run.parts[Stores].guard
    return Source(guarded.fetch(method["uri"], guard, limit=settings.image_size_cap))


def _region(run: Run, method: Mapping[str, Any], settings: Settings) -> Source:
    where = (method["glance_region"], method["glance_service_interface"])
    base = run.db.read(lambda tx: identity.endpoint_url(tx, "image", *where))
    if base is None:
        raise Refused(f"The catalog has no {where[1]} endpoint of images in region {where[0]!r}.")
    token = {"X-Auth-Token": run.db.vault.open(str(run.args["token"]))}
    url = f"{base.rstrip('/').removesuffix('/v2')}/v2/images/{method['glance_image_id']}"
    answer = guarded.ask(url, _CATALOG, token)
    body = b"".join(_short(answer.pieces))
    if answer.status != 200:
        raise Refused(f"Region {where[0]} does not show the image: status {answer.status}.")
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Refused(f"Region {where[0]} does not answer as an image service does.") from None
    if found.get("status") != "active":
        raise Refused(f"The image is not active in region {where[0]}.")
    if found.get("disk_format") not in DISK_FORMATS:
        raise Refused("The remote image's disk_format is not known here.")
    if found.get("container_format") not in CONTAINER_FORMATS:
        raise Refused("The remote image's container_format is not known here.")
    taken = settings.glance_download_properties
    like = {key: found[key] for key in ("disk_format", "container_format")}
    extra = {k: v for k, v in found.items() if k.startswith(taken) and isinstance(v, str)}
    answer = guarded.ask(f"{url}/file", _CATALOG, token)
    if answer.status != 200:
        raise Refused(f"Region {where[0]} does not give the bytes: status {answer.status}.")
    return Source(answer.pieces, {**like, "extra": extra})


def _short(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _MOST:
            raise Refused("The remote image's description is too long.")
        yield piece
