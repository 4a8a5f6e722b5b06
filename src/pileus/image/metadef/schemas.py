"""The JSON schemas of definitions."""

from collections.abc import Mapping
from typing import Any

from ...core.types import Object
from ...wire.context import Context, Handler
from . import forms

_STAMPS = {
    key: {"type": "string", "format": "date-time", "readOnly": True}
    for key in ("created_at", "updated_at")
}
_LINKS = {key: {"type": "string", "readOnly": True} for key in ("self", "schema")}


def _one(name: str, kind: Object, more: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = kind.schema()
    return {
        "name": name,
        "properties": {**found["properties"], **more},
        "required": found["required"],
        "additionalProperties": False,
    }


def _many(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    link = {"type": "string"}
    keys = {name: {"type": "array", "items": item}, "schema": link, "first": link, "next": link}
    links = [{"rel": rel, "href": f"{{{rel}}}"} for rel in ("first", "next")]
    return {
        "name": name,
        "properties": keys,
        "links": [*links, {"rel": "describedby", "href": "{schema}"}],
    }


_NAMESPACE = _one("namespace", forms.NAMESPACE, {**_STAMPS, **_LINKS})
_OBJECT = _one("object", forms.OBJECT, {**_STAMPS, **_LINKS})
_PROPERTY = _one("property", forms.NAMED_PROPERTY, {})
_TAG = _one("tag", forms.TAG, _STAMPS)
_TYPE = _one("resource_type_association", forms.ASSOCIATION, _STAMPS)
_PROPERTIES = {
    "name": "properties",
    "properties": {"properties": {"type": "object", "additionalProperties": _PROPERTY}},
    "links": [],
}
SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "namespace": _NAMESPACE,
    "namespaces": _many("namespaces", _NAMESPACE),
    "object": _OBJECT,
    "objects": _many("objects", _OBJECT),
    "property": _PROPERTY,
    "properties": _PROPERTIES,
    "tag": _TAG,
    "tags": _many("tags", _TAG),
    "resource_type": _TYPE,
    "resource_types": _many("resource_type_associations", _TYPE),
}


def _answer(name: str) -> Handler:
    def answer(_ctx: Context) -> object:
        return SCHEMAS[name]

    return answer


ANSWERS: Mapping[str, Handler] = {name: _answer(name) for name in SCHEMAS}
