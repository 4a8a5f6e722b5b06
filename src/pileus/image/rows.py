"""Images, their tags and the projects that they are shared with."""

from typing import Any

import sqlalchemy as sa

from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Bool, Enum, Int, Json, Text, Uuid, When
from .settings import FILE

DISK_FORMATS = (
    "ami",
    "ari",
    "aki",
    "vhd",
    "vhdx",
    "vmdk",
    "raw",
    "qcow2",
    "vdi",
    "iso",
    "gpt",
)
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("public", "private", "shared", "community")
STATES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "pending_delete",
    "deactivated",
    "uploading",
    "importing",
)
STORED = ("active", "deactivated")  # the states in which an image has bytes


class Image(Resource):
    """An image: what is said about it. Its bytes lie in the ImageStore under its id."""

    one, many = "image", "images"

    id = attr(Uuid(), key=True, default=new_uuid, create=True, sort=True)
    name = attr(Text(255), null=True, create=True, update=True, sort=True)
    status = attr(Enum(*STATES), default="queued", sort=True)
    visibility = attr(
        Enum(*VISIBILITIES), default="shared", create=True, update=True, index=True, sort=True
    )
    protected = attr(Bool(), default=False, create=True, update=True, sort=True)
    os_hidden = attr(Bool(), default=False, create=True, update=True, sort=True)
    owner = attr(Text(255), create=True, update=True, index=True, sort=True)
    disk_format = attr(Enum(*DISK_FORMATS), null=True, create=True, update=True, sort=True)
    container_format = attr(
        Enum(*CONTAINER_FORMATS), null=True, create=True, update=True, sort=True
    )
    min_disk = attr(Int(0, 2**31 - 1), default=0, create=True, update=True, sort=True)  # GiB
    min_ram = attr(Int(0, 2**31 - 1), default=0, create=True, update=True, sort=True)  # MiB
    size = attr(Int(), null=True, sort=True)  # bytes as stored
    virtual_size = attr(Int(), null=True, sort=True)  # bytes as a guest sees the disk
    checksum = attr(Text(32), null=True, sort=True)  # MD5
    os_hash_algo = attr(Text(64), null=True, sort=True)
    os_hash_value = attr(Text(128), null=True, sort=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)
    properties = attr(Json(), default=dict, show=False)
    upload = attr(Text(36), default="", show=False)  # the upload that owns the bytes on their way
    staged = attr(Json(), null=True, show=False)  # what staged bytes were found to be
    # Where its bytes lie: {"store", "url" (of the web only), "metadata"}. None, in rows of older
    # versions, is the store "file".
    locations = attr(Json(), null=True, show=False)
    # Of an import: {"to": stores still to come, "failed": stores that were given up}.
    importing = attr(Json(), null=True, show=False)

    @property
    def places(self) -> list[dict[str, Any]]:
        """Where the image's bytes lie, in order; none while it has none."""
        if self.status not in STORED and not (self.status == "importing" and self.locations):
            return []
        return [{"store": FILE}] if self.locations is None else list(self.locations)

    @property
    def stores(self) -> list[str]:
        """The stores that hold its bytes, each once, in order."""
        return list(dict.fromkeys(one["store"] for one in self.places))


class ImageTag(Resource):
    """A tag on an image."""

    one, many = "image_tag", "image_tags"

    image_id = attr(Uuid(), key=True, references="images.id")
    tag = attr(Text(255), key=True, index=True)


class ImageMember(Resource):
    """A project that a shared image is offered to."""

    one, many = "image_member", "image_members"
    constraints = (sa.Index("ix_image_members_member_status", "member_id", "status"),)

    image_id = attr(Uuid(), key=True, references="images.id")
    member_id = attr(Text(255, 1), key=True)
    status = attr(Enum("pending", "accepted", "rejected"), default="pending")
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)


class ImageTask(Resource):
    """What was asked to be done to an image in the background, and what came of it."""

    one, many = "image_task", "image_tasks"

    id = attr(Uuid(), key=True, default=new_uuid)
    type = attr(Enum("import", "api_image_import", "location_import"), sort=True, filter=True)
    status = attr(
        Enum("pending", "processing", "success", "failure"),
        default="pending",
        sort=True,
        filter=True,
    )
    owner = attr(Text(255), sort=True)
    input = attr(Json(), null=True)
    result = attr(Json(), null=True)
    message = attr(Text(65535), default="")
    image_id = attr(Text(36), null=True, index=True)
    request_id = attr(Text(64), default="")
    user_id = attr(Text(64), default="")
    expires_at = attr(When(), null=True, sort=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)
