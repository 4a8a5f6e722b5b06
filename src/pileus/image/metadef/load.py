"""Definitions from a folder of JSON files, as upstream publishes its standard ones."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from ...core.db import Tx
from ...core.errors import BadRequest
from ...core.types import Where
from . import forms
from .namespace import add, associate
from .rows import (
    INSIDE,
    TYPES,
    Association,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    ResourceType,
)


class BadDefinitions(ValueError):
    """A file holds no definitions; the message says which and why."""


def read(folder: Path) -> list[dict[str, Any]]:
    """The namespaces of all *.json files of a folder. Raises BadDefinitions."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadDefinitions(f"{folder} has no *.json file.")
    found = []
    for file in files:
        try:
            body = msgspec.json.decode(file.read_bytes())
        except (OSError, msgspec.DecodeError) as wrong:
            raise BadDefinitions(f"{file} cannot be read: {wrong}") from None
        if not isinstance(body, dict):
            raise BadDefinitions(f"{file} must hold an object, a namespace.")
        if isinstance(body.get("properties"), dict):
            # Upstream's files have what stands for nothing, and properties' names within them.
            body["properties"] = {k: _sound(v) for k, v in body["properties"].items()}
        for one in body.get("objects") or ():
            if isinstance(one, dict) and isinstance(one.get("properties"), dict):
                one["properties"] = {k: _sound(v) for k, v in one["properties"].items()}
        try:
            found.append(forms.NAMESPACE.parse(body, Where()))
        except BadRequest as wrong:
            raise BadDefinitions(f"{file}: {wrong.message}") from None
    return found


def _sound(value: object) -> object:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def load(tx: Tx, bodies: list[dict[str, Any]], mode: Literal["new", "merge", "replace"]) -> int:
    """Add namespaces; how many were written.

    mode: what becomes of one that is there: "new" leaves it, "replace" puts the file's in its
    place, "merge" adds to it what it lacks.
    """
    written = 0
    for body in bodies:
        there = tx.get(Namespace, body["namespace"])
        if there is None:
            add(tx, body)
        elif mode == "new":
            continue
        elif mode == "replace":
            for cls in INSIDE:
                tx.remove_where(cls, namespace=there.namespace)
            tx.remove(there)
            add(tx, body)
        else:
            _merge(tx, there, body)
        written += 1
    return written


def _merge(tx: Tx, row: Namespace, body: dict[str, Any]) -> None:
    name = row.namespace
    for key, one in body.get("properties", {}).items():
        if tx.get(MetadefProperty, name, key) is None:
            tx.add(MetadefProperty(namespace=name, name=key, body=one))
    for one in body.get("objects", []):
        if tx.get(MetadefObject, name, one["name"]) is None:
            tx.add(MetadefObject(namespace=name, **one))
    for one in body.get("tags", []):
        if tx.get(MetadefTag, name, one["name"]) is None:
            tx.add(MetadefTag(namespace=name, **one))
    for one in body.get("resource_type_associations", []):
        if tx.get(Association, name, one["name"]) is None:
            associate(tx, name, one)


def first_types(tx: Tx) -> None:
    """The resource types that every cloud knows."""
    known = {row.name for row in tx.all(ResourceType)}
    tx.add_all([ResourceType(name=name) for name in TYPES if name not in known])
