"""Images, their tags and the projects that they are shared with."""

import sqlalchemy as sa

from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Bool, Enum, Int, Json, Text, Uuid, When

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso")
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
