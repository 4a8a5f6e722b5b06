"""What stands in a namespace: objects, properties, tags, and the resource types it is about."""

from typing import Any, TypeVar

from ...core.errors import Conflict, NotFound
from ...core.resource import Resource
from ...core.types import Field, ListOf, Object
from ...wire.context import Context, Response
from ...wire.paging import page
from . import forms, views
from .namespace import asked, associate
from .rows import (
    Association,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    ResourceType,
)

R = TypeVar("R", MetadefObject, MetadefProperty, MetadefTag)
_SORT = (("created_at", "desc"), ("name", "desc"))
_TAGS = Object({"tags": Field(ListOf(forms.TAG, 1000), required=True)})


def _row(ctx: Context, cls: type[R], row: Namespace, name: str) -> R:
    found = ctx.tx.get(cls, row.namespace, name)
    if found is None:
        kind = cls.one.removeprefix("metadef_")
        raise NotFound(
            f"Metadata definition {kind} {name[:80]} not found in namespace {row.namespace}"
        )
    return found


def _free(ctx: Context, cls: type[Resource], row: Namespace, name: str) -> None:
    if ctx.tx.get(cls, row.namespace, name) is not None:
        kind = cls.one.removeprefix("metadef_")
        raise Conflict(f"A metadata definition {kind} {name} already exists in {row.namespace}.")


def list_objects(ctx: Context) -> object:
    """GET …/objects."""
    row = asked(ctx, "get_metadef_objects")
    found, marker = page(
        ctx, MetadefObject, [MetadefObject.namespace == row.namespace], default_sort=_SORT
    )
    return views.listed(ctx, "objects", [views.metadef_object(one) for one in found], marker)


def show_object(ctx: Context) -> object:
    """GET …/objects/{name}."""
    row = asked(ctx, "get_metadef_object")
    return views.metadef_object(_row(ctx, MetadefObject, row, ctx.params["name"]))


def create_object(ctx: Context) -> Response:
    """POST …/objects."""
    row = asked(ctx, "add_metadef_object")
    body = forms.read(ctx, forms.OBJECT)
    _free(ctx, MetadefObject, row, body["name"])
    made = ctx.tx.add(MetadefObject(namespace=row.namespace, **body))
    return Response(201, views.metadef_object(made))


def update_object(ctx: Context) -> object:
    """PUT …/objects/{name}: all its attributes anew."""
    row = asked(ctx, "modify_metadef_object")
    found = _row(ctx, MetadefObject, row, ctx.params["name"])
    body = forms.read(ctx, forms.OBJECT)
    if body["name"] != found.name:
        _free(ctx, MetadefObject, row, body["name"])
    empty: dict[str, Any] = {"description": None, "required": [], "properties": {}}
    ctx.tx.change(found, **(empty | body), updated_at=ctx.tx.now)
    return views.metadef_object(found)


def delete_object(ctx: Context) -> None:
    """DELETE …/objects/{name}."""
    row = asked(ctx, "delete_metadef_object")
    ctx.tx.remove(_row(ctx, MetadefObject, row, ctx.params["name"]))


def list_properties(ctx: Context) -> object:
    """GET …/properties."""
    row = asked(ctx, "get_metadef_properties")
    rows = ctx.tx.all(MetadefProperty, namespace=row.namespace, order=[MetadefProperty.name])
    return {"properties": views.properties(rows)}


def show_property(ctx: Context) -> object:
    """GET …/properties/{name}; with `resource_type`, the name has that type's prefix."""
    row = asked(ctx, "get_metadef_property")
    name, kind = ctx.params["name"], ctx.request.get("resource_type")
    asked_for = name
    if kind:
        about = ctx.tx.get(Association, row.namespace, kind)
        prefix = (about.prefix or "") if about else ""
        if not prefix or not name.startswith(prefix):
            raise NotFound(
                f"Property {name[:80]} does not start with the expected resource type association"
                f" prefix of '{prefix}'."
            )
        name = name.removeprefix(prefix)
    found = _row(ctx, MetadefProperty, row, name)
    return views.metadef_property(found, asked_for if kind else "")


def create_property(ctx: Context) -> Response:
    """POST …/properties."""
    row = asked(ctx, "add_metadef_property")
    body = forms.read(ctx, forms.NAMED_PROPERTY)
    _free(ctx, MetadefProperty, row, body["name"])
    made = MetadefProperty(namespace=row.namespace, name=body["name"], body=body)
    return Response(201, views.metadef_property(ctx.tx.add(made)))


def update_property(ctx: Context) -> object:
    """PUT …/properties/{name}: its schema anew."""
    row = asked(ctx, "modify_metadef_property")
    found = _row(ctx, MetadefProperty, row, ctx.params["name"])
    body = forms.read(ctx, forms.NAMED_PROPERTY)
    if body["name"] != found.name:
        _free(ctx, MetadefProperty, row, body["name"])
    ctx.tx.change(found, name=body["name"], body=body)
    return views.metadef_property(found)


def delete_property(ctx: Context) -> None:
    """DELETE …/properties/{name}."""
    row = asked(ctx, "remove_metadef_property")
    ctx.tx.remove(_row(ctx, MetadefProperty, row, ctx.params["name"]))


def list_tags(ctx: Context) -> object:
    """GET …/tags."""
    row = asked(ctx, "get_metadef_tags")
    found, marker = page(
        ctx, MetadefTag, [MetadefTag.namespace == row.namespace], default_sort=_SORT
    )
    return views.listed(ctx, "tags", [views.tag(one) for one in found], marker)


def show_tag(ctx: Context) -> object:
    """GET …/tags/{name}."""
    row = asked(ctx, "get_metadef_tag")
    return views.tag(_row(ctx, MetadefTag, row, ctx.params["name"]))


def create_tag(ctx: Context) -> Response:
    """POST …/tags/{name}."""
    row = asked(ctx, "add_metadef_tag")
    name = forms.NAME.parse(ctx.params["name"], ctx.where.at("tag"))
    _free(ctx, MetadefTag, row, name)
    return Response(201, views.tag(ctx.tx.add(MetadefTag(namespace=row.namespace, name=name))))


def create_tags(ctx: Context) -> Response:
    """POST …/tags: these in place of all that are there, or (X-Openstack-Append) beside them."""
    row = asked(ctx, "add_metadef_tags")
    body = forms.read(ctx, _TAGS)
    names = [one["name"] for one in body["tags"]]
    if len(names) != len(set(names)):
        raise Conflict("A tag stands there twice.")
    if ctx.request.headers.get("x-openstack-append", "").lower() in ("true", "1", "yes"):
        for name in names:
            _free(ctx, MetadefTag, row, name)
    else:
        ctx.tx.remove_where(MetadefTag, namespace=row.namespace)
    ctx.tx.add_all([MetadefTag(namespace=row.namespace, name=name) for name in names])
    return Response(201, {"tags": [{"name": name} for name in names]})


def update_tag(ctx: Context) -> object:
    """PUT …/tags/{name}: another name."""
    row = asked(ctx, "modify_metadef_tag")
    found = _row(ctx, MetadefTag, row, ctx.params["name"])
    name = forms.read(ctx, forms.TAG)["name"]
    if name != found.name:
        _free(ctx, MetadefTag, row, name)
    ctx.tx.change(found, name=name, updated_at=ctx.tx.now)
    return views.tag(found)


def delete_tag(ctx: Context) -> None:
    """DELETE …/tags/{name}."""
    row = asked(ctx, "delete_metadef_tag")
    ctx.tx.remove(_row(ctx, MetadefTag, row, ctx.params["name"]))


def list_types(ctx: Context) -> object:
    """GET /v2/metadefs/resource_types: those that are known."""
    ctx.require("list_metadef_resource_types")
    rows = ctx.tx.all(ResourceType, order=[ResourceType.name])
    return {"resource_types": [row.view((0, 0), ctx.allows) for row in rows]}


def list_associations(ctx: Context) -> object:
    """GET …/resource_types."""
    row = asked(ctx, "list_metadef_resource_types", "get_metadef_resource_type")
    found = ctx.tx.all(Association, namespace=row.namespace, order=[Association.name])
    return {"resource_type_associations": [views.association(one) for one in found]}


def create_association(ctx: Context) -> Response:
    """POST …/resource_types."""
    row = asked(ctx, "add_metadef_resource_type_association")
    body = forms.read(ctx, forms.ASSOCIATION)
    return Response(201, views.association(associate(ctx.tx, row.namespace, body)))


def delete_association(ctx: Context) -> None:
    """DELETE …/resource_types/{name}."""
    row = asked(ctx, "remove_metadef_resource_type_association")
    name = ctx.params["name"]
    if not ctx.tx.remove_where(Association, namespace=row.namespace, name=name):
        raise NotFound(f"Failed to find resource type {name[:80]} to delete")
