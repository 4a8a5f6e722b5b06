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

_PROPERTY = {"name": "$new", "title": "Speed", "type": "integer", "minimum": 1}
_OBJECT = {
    "name": "$new",
    "description": "What drives it",
    "required": ["power"],
    "properties": {"power": {"title": "Power", "type": "string", "enum": ["low", "high"]}},
}
_NAMESPACE = {
    "namespace": "$new",
    "display_name": "One",
    "description": "What it is",
    "visibility": "private",
    "protected": False,
    "owner": "$project_id",
    "properties": {"speed": {"title": "Speed", "type": "integer"}},
    "objects": [_OBJECT],
    "tags": [{"name": "$new"}],
    "resource_type_associations": [{"name": "$new", "prefix": "hw_"}],
}
_TASK = {
    "type": "import",
    "input": {
        "import_from": "http://localhost/nothing",
        "import_from_format": "raw",
        "image_properties": {"name": "$new"},
    },
}
_DEFINED = "/v2/metadefs/namespaces"
_IN = _DEFINED + "/{namespace}"

BODIES: dict[Key, Any] = {
    ("POST", "/v2/images", ""): _IMAGE,
    ("PATCH", "/v2/images/{image_id}", ""): _PATCH,
    ("PUT", "/v2/images/{image_id}/file", ""): b"\x00" * 4096,
    ("PUT", "/v2/images/{image_id}/stage", ""): b"\x00" * 4096,
    ("POST", "/v2/images/{image_id}/import", ""): {"method": {"name": "glance-direct"}},
    ("POST", "/v2/images/{image_id}/locations", ""): {"url": "http://localhost/nothing"},
    ("POST", "/v2/tasks", ""): _TASK,
    ("POST", _DEFINED, ""): _NAMESPACE,
    ("PUT", _IN, ""): {"namespace": "$namespace", "visibility": "private"},
    ("POST", _IN + "/objects", ""): _OBJECT,
    ("PUT", _IN + "/objects/{name}", ""): _OBJECT,
    ("POST", _IN + "/properties", ""): _PROPERTY,
    ("PUT", _IN + "/properties/{name}", ""): _PROPERTY,
    ("POST", _IN + "/tags", ""): {"tags": [{"name": "$new"}]},
    ("PUT", _IN + "/tags/{name}", ""): {"name": "$new"},
    ("POST", _IN + "/resource_types", ""): {"name": "$new", "prefix": "hw_"},
    ("POST", "/v2/images/{image_id}/members", ""): {"member": "$other_project_id"},
    ("PUT", "/v2/images/{image_id}/members/{member_id}", ""): {"status": "accepted"},
}
