"""The JSON schemas that clients ask for before they build a request."""

from typing import Any

from ..wire.context import Context
from .rows import Image, ImageMember, ImageTask
from .write import READ_ONLY


def _of(attribute: Any) -> dict[str, Any]:
    schema = dict(attribute.type.schema())
    if attribute.null:
        if "enum" in schema:
            schema["enum"] = [None, *schema["enum"]]
        schema["type"] = ["null", schema.get("type", "string")]
    if attribute.wire in READ_ONLY:
        schema["readOnly"] = True
    return schema


def _image() -> dict[str, Any]:
    found = {a.wire: _of(a) for a in Image.attrs.values() if a.show}
    found["tags"] = {"type": "array", "items": {"type": "string", "maxLength": 255}}
    for key in ("self", "file", "schema", "stores", "direct_url"):
        found[key] = {"type": "string", "readOnly": True}
    found["locations"] = {"type": "array", "items": {"type": "object"}}
    return {
        "name": "image",
        "properties": found,
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def _member() -> dict[str, Any]:
    found = {a.wire: _of(a) for a in ImageMember.attrs.values()}
    return {"name": "member", "properties": found | {"schema": {"type": "string"}}}


def _list(name: str, item: dict[str, Any]) -> dict[str, Any]:
    link = {"type": "string"}
    keys = {name: {"type": "array", "items": item}, "schema": link, "first": link, "next": link}
    links = [{"rel": rel, "href": f"{{{rel}}}"} for rel in ("first", "next")]
    links.append({"rel": "describedby", "href": "{schema}"})
    return {"name": name, "properties": keys, "links": links}


def image(_ctx: Context) -> object:
    """GET /v2/schemas/image."""
    return _image()


def images(_ctx: Context) -> object:
    """GET /v2/schemas/images."""
    return _list("images", _image())


def member(_ctx: Context) -> object:
    """GET /v2/schemas/member."""
    return _member()


def members(_ctx: Context) -> object:
    """GET /v2/schemas/members."""
    return _list("members", _member())


def _task() -> dict[str, Any]:
    found = {a.wire: _of(a) for a in ImageTask.attrs.values()}
    for key in ("self", "schema"):
        found[key] = {"type": "string", "readOnly": True}
    return {"name": "task", "properties": found}


def task(_ctx: Context) -> object:
    """GET /v2/schemas/task."""
    return _task()


def tasks(_ctx: Context) -> object:
    """GET /v2/schemas/tasks."""
    return _list("tasks", _task())
