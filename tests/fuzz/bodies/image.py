"""Good bodies of the image API."""

from typing import Any

from . import Key

_PATCH = [
    {"op": "replace", "path": "/name", "value": "$new"},
    {"op": "add", "path": "/tags", "value": ["a", "b"]},
    {"op": "add", "path": "/colour", "value": "red"},
    {"op": "replace", "path": "/min_ram", "value": 0},
    {"op": "replace", "path": "/visibility", "value": "shared"},
]
_IMAGE = {
    "name": "$new",
    "disk_format": "raw",
    "container_format": "bare",
    "visibility": "shared",
    "protected": False,
    "os_hidden": False,
    "min_disk": 0,
    "min_ram": 0,
    "tags": ["a"],
    "colour": "red",
    "owner": "$project_id",
}

BODIES: dict[Key, Any] = {
    ("POST", "/v2/images", ""): _IMAGE,
    ("PATCH", "/v2/images/{image_id}", ""): _PATCH,
    ("PUT", "/v2/images/{image_id}/file", ""): b"\x00" * 4096,
    ("PUT", "/v2/images/{image_id}/stage", ""): b"\x00" * 4096,
    ("POST", "/v2/images/{image_id}/import", ""): {"method": {"name": "glance-direct"}},
    ("POST", "/v2/images/{image_id}/members", ""): {"member": "$other_project_id"},
    ("PUT", "/v2/images/{image_id}/members/{member_id}", ""): {"status": "accepted"},
}
