"""Namespaces: found, listed, made with all that is in them, changed, deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ...core.db import Tx
from ...core.errors import BadRequest, Conflict, Forbidden, NotFound
from ...wire.context import Context, Response
from ...wire.paging import page
from .. import seen
from . import forms, views
from .rows import (
    INSIDE,
    Association,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    ResourceType,
)


def _visible(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    if seen.is_admin(ctx):
        return []
    mine = Namespace.owner == ctx.project_id
    return [sa.or_(mine, Namespace.visibility == "public", Namespace.owner.is_(None))]


def target(row: Namespace) -> Mapping[str, Any]:
    """What rules are checked against for what stands in this namespace."""
    return {"project_id": row.owner, "visibility": row.visibility}


def asked(ctx: Context, *rules: str) -> Namespace:
    """The namespace of the path, if policy lets the caller do this in it.

    Raises NotFound for one that the caller cannot see, Forbidden for one that it can.
    """
    name = ctx.params["namespace"]
    row = ctx.tx.one(Namespace, Namespace.namespace == name, *_visible(ctx))
    if row is None:
        raise NotFound(f"Namespace {name[:80]} not found")
    for rule in rules:
        ctx.require(rule, target(row))
    return row


def listing(ctx: Context) -> object:
    """GET /v2/metadefs/namespaces."""
    ctx.require("list_metadef_resource_types")
    where = _visible(ctx)
    visibility = ctx.request.get("visibility")
    if visibility is not None:
        if visibility not in ("public", "private"):
            raise BadRequest(f"Invalid visibility value: {visibility[:80]}")
        where.append(Namespace.visibility == visibility)
    types = [one for text in ctx.request.every("resource_types") for one in text.split(",")]
    if types:
        about = sa.select(Association.namespace).where(Association.name.in_(types))
        where.append(Namespace.namespace.in_(about))
    default = (("created_at", "desc"), ("namespace", "desc"))
    rows, marker = page(ctx, Namespace, where, default_sort=default)
    rows = [row for row in rows if ctx.allows("get_metadef_namespace", target(row))]
    names = [row.namespace for row in rows]
    of: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    if names:
        for one in ctx.tx.all(Association, namespace=names, order=[Association.name]):
            of[one.namespace].append(views.association(one))
    found = []
    for row in rows:
        more = of[row.namespace]
        found.append(views.namespace(row) | ({"resource_type_associations": more} if more else {}))
    return views.listed(ctx, "namespaces", found, marker)


def show(ctx: Context) -> object:
    """GET /v2/metadefs/namespaces/{namespace}, with all that is in it."""
    row = asked(
        ctx,
        "get_metadef_namespace",
        "list_metadef_resource_types",
        "get_metadef_objects",
        "get_metadef_properties",
        "get_metadef_tags",
    )
    prefix = ""
    kind = ctx.request.get("resource_type")
    if kind:
        found = ctx.tx.get(Association, row.namespace, kind)
        prefix = (found.prefix or "") if found else ""
    return views.namespace(row) | views.inside(ctx.tx, row.namespace, prefix)


def create(ctx: Context) -> Response:
    """POST /v2/metadefs/namespaces."""
    body = forms.read(ctx, forms.NAMESPACE)
    ctx.require("add_metadef_namespace")
    for key, rule in (
        ("resource_type_associations", "add_metadef_resource_type_association"),
        ("objects", "add_metadef_object"),
        ("properties", "add_metadef_property"),
        ("tags", "add_metadef_tag"),
    ):
        if body.get(key):
            ctx.require(rule)
    row = add(ctx.tx, {"owner": ctx.project_id, **body})
    shown = views.namespace(row) | views.inside(ctx.tx, row.namespace)
    return Response(201, shown, {"Location": ctx.url(f"/v2/metadefs/namespaces/{row.namespace}")})


def add(tx: Tx, body: Mapping[str, Any]) -> Namespace:
    """Add a namespace with all that is in it. Raises Conflict."""
    name = body["namespace"]
    if tx.get(Namespace, name) is not None:
        raise Conflict(f"The metadata definition namespace={name} already exists.")
    inside = ("properties", "objects", "tags", "resource_type_associations")
    row = tx.add(Namespace(**{k: v for k, v in body.items() if k not in inside}))
    properties = body.get("properties", {})
    tx.add_all(
        [MetadefProperty(namespace=name, name=k, body=dict(v)) for k, v in properties.items()]
    )
    objects = _once("object", body.get("objects", []))
    tx.add_all([MetadefObject(namespace=name, **one) for one in objects])
    tags = _once("tag", body.get("tags", []))
    tx.add_all([MetadefTag(namespace=name, **one) for one in tags])
    for one in _once("resource type", body.get("resource_type_associations", [])):
        associate(tx, name, one)
    return row


def _once(kind: str, items: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    names = [one["name"] for one in items]
    for name in names:
        if names.count(name) > 1:
            raise Conflict(f"The {kind} {name} stands there twice.")
    return items


def associate(tx: Tx, namespace: str, values: Mapping[str, Any]) -> Association:
    """Say that the namespace is about a type, one that becomes known by this. Raises Conflict."""
    if tx.get(Association, namespace, values["name"]) is not None:
        raise Conflict(f"{values['name']} is associated with namespace {namespace} already.")
    if tx.get(ResourceType, values["name"]) is None:
        tx.add(ResourceType(name=values["name"]))
    return tx.add(Association(namespace=namespace, **values))


def update(ctx: Context) -> object:
    """PUT /v2/metadefs/namespaces/{namespace}: all its attributes anew."""
    row = asked(ctx, "modify_metadef_namespace")
    body = forms.read(ctx, forms.NAMESPACE)
    new = body["namespace"]
    values = {
        "namespace": new,
        "display_name": body.get("display_name"),
        "description": body.get("description"),
        "visibility": body.get("visibility", "private"),
        "protected": body.get("protected", False),
        "owner": body.get("owner") or ctx.project_id,
        "updated_at": ctx.tx.now,
    }
    old = row.namespace
    if new != old:
        if ctx.tx.get(Namespace, new) is not None:
            raise Conflict(f"The metadata definition namespace={new} already exists.")
        for cls in INSIDE:
            ctx.tx.set(cls, cls.table.c.namespace == old, namespace=new)
    ctx.tx.change(row, **values)
    return views.namespace(row)


def _unprotected(row: Namespace) -> None:
    if row.protected:
        raise Forbidden(f"Metadata definition namespace {row.namespace} is protected.")


def delete(ctx: Context) -> None:
    """DELETE /v2/metadefs/namespaces/{namespace}, with all that is in it."""
    row = asked(ctx, "delete_metadef_namespace")
    _unprotected(row)
    for cls in INSIDE:
        ctx.tx.remove_where(cls, namespace=row.namespace)
    ctx.tx.remove(row)


def delete_objects(ctx: Context) -> None:
    """DELETE /v2/metadefs/namespaces/{namespace}/objects."""
    row = asked(ctx, "delete_metadef_namespace")
    _unprotected(row)
    ctx.tx.remove_where(MetadefObject, namespace=row.namespace)


def delete_properties(ctx: Context) -> None:
    """DELETE /v2/metadefs/namespaces/{namespace}/properties."""
    row = asked(ctx, "delete_metadef_namespace")
    _unprotected(row)
    ctx.tx.remove_where(MetadefProperty, namespace=row.namespace)


def delete_tags(ctx: Context) -> None:
    """DELETE /v2/metadefs/namespaces/{namespace}/tags."""
    row = asked(ctx, "delete_metadef_namespace", "delete_metadef_tags")
    _unprotected(row)
    ctx.tx.remove_where(MetadefTag, namespace=row.namespace)
