"""Definitions as JSON."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.resource import Resource
from ...wire import pages
from ...wire.context import Context
from .rows import Association, MetadefObject, MetadefProperty, MetadefTag, Namespace

_ROOT = "/v2/metadefs/namespaces"
_SCHEMAS = "/v2/schemas/metadefs"


def _plain(row: Resource) -> dict[str, Any]:
    found = row.view((0, 0), lambda _rule: True)
    return {key: value for key, value in found.items() if value is not None}


def namespace(row: Namespace) -> dict[str, Any]:
    """A namespace itself."""
    here = f"{_ROOT}/{row.namespace}"
    return _plain(row) | {"self": here, "schema": f"{_SCHEMAS}/namespace"}


def metadef_object(row: MetadefObject, prefix: str = "") -> dict[str, Any]:
    """An object; `prefix` stands before its properties' names."""
    found = _plain(row)
    found["properties"] = {prefix + key: value for key, value in row.properties.items()}
    found["required"] = [prefix + name for name in row.required]
    here = f"{_ROOT}/{row.namespace}/objects/{row.name}"
    return found | {"self": here, "schema": f"{_SCHEMAS}/object"}


def metadef_property(row: MetadefProperty, name: str = "") -> dict[str, Any]:
    """A property under its name."""
    return {**row.body, "name": name or row.name}


def properties(rows: list[MetadefProperty], prefix: str = "") -> dict[str, Any]:
    """Properties by name."""
    return {prefix + row.name: row.body for row in rows}


def tag(row: MetadefTag) -> dict[str, Any]:
    """A tag."""
    return _plain(row)


def association(row: Association) -> dict[str, Any]:
    """A resource type that a namespace is about."""
    return _plain(row)


def inside(tx: Tx, name: str, prefix: str = "") -> dict[str, Any]:
    """All that stands in a namespace; what there is none of is left out."""
    objects = tx.all(MetadefObject, namespace=name, order=[MetadefObject.name])
    found: dict[str, Any] = {
        "objects": [metadef_object(row, prefix) for row in objects],
        "properties": properties(
            tx.all(MetadefProperty, namespace=name, order=[MetadefProperty.name]), prefix
        ),
        "tags": [
            {"name": row.name}
            for row in tx.all(MetadefTag, namespace=name, order=[MetadefTag.name])
        ],
        "resource_type_associations": [
            association(row)
            for row in tx.all(Association, namespace=name, order=[Association.name])
        ],
    }
    return {key: value for key, value in found.items() if value}


def listed(ctx: Context, many: str, items: list[dict[str, Any]], marker: str) -> Mapping[str, Any]:
    """A page of a list."""
    return pages.image(ctx, many, items, marker) | {"schema": f"{_SCHEMAS}/{many}"}
