"""Flavors: sizes that servers come in."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import AnyOf, Bool, Field, Float, Int, Json, Object, Text, When
from ..wire.context import Context, Response
from ..wire.paging import page
from ..wire.route import Route
from .rules import rule

_MOST = 2**31 - 1
_NUMBER = Int(0, _MOST, strings=True)
_SOME = Int(1, _MOST, strings=True)
_ID = AnyOf(Text(255, 1, r"[^\s]([\w. -]*[^\s])?"), Int(0, _MOST))
_CREATE = Object(
    {
        "id": Field(_ID, null=True),
        "name": Field(Text(255, 1, strip=True), required=True),
        "ram": Field(_SOME, required=True),
        "vcpus": Field(_SOME, required=True),
        "disk": Field(_NUMBER, required=True),
        "OS-FLV-EXT-DATA:ephemeral": Field(_NUMBER),
        "swap": Field(_NUMBER),
        "rxtx_factor": Field(Float(0.0001, 3.4e38)),
        "os-flavor-access:is_public": Field(Bool(strings=True)),
        "description": Field(Text(65535), null=True, since=(2, 55)),
    }
)
_UPDATE = Object({"description": Field(Text(65535), required=True, null=True)})


class Flavor(Resource):
    """A flavor. Servers keep a copy of theirs, so it may change and go."""

    one, many = "flavor", "flavors"

    id = attr(Text(255), key=True, default=new_uuid, sort=True, wire="flavorid")
    name = attr(Text(255), sort=True)
    ram = attr(Int(), sort=True, wire="memory_mb")
    disk = attr(Int(), sort=True, wire="root_gb")
    vcpus = attr(Int(), sort=True)
    ephemeral = attr(Int(), default=0, sort=True, wire="ephemeral_gb")
    swap = attr(Int(), default=0, sort=True)
    rxtx_factor = attr(Float(), default=1.0, sort=True)
    is_public = attr(Bool(), default=True, sort=True)
    description = attr(Text(65535), null=True)
    extra_specs = attr(Json(), default=dict)
    created_at = attr(When(), default=now, sort=True)

    constraints = (sa.UniqueConstraint("name"),)


class FlavorAccess(Resource):
    """A project that may use a flavor which is not public."""

    one, many = "flavor_access", "flavor_accesses"

    flavor_id = attr(Text(255), key=True, references="flavors.id")
    project_id = attr(Text(64), key=True)


def usable(project_id: str) -> "sa.ColumnElement[bool]":
    """The condition that a project may use a flavor."""
    shared = sa.select(FlavorAccess.flavor_id).where(FlavorAccess.project_id == project_id)
    return sa.or_(Flavor.is_public, Flavor.id.in_(shared))


def find(ctx: Context, key: str) -> Flavor:
    """The flavor, if the caller's project may see it. Raises NotFound."""
    flavor = ctx.tx.get(Flavor, key)
    if flavor is None or not (
        flavor.is_public
        or "admin" in ctx.who.roles
        or ctx.tx.get(FlavorAccess, flavor.id, ctx.who.project_id)
    ):
        raise NotFound(f"Flavor {key[:255]} could not be found.")
    return flavor


def kept(flavor: Flavor) -> dict[str, Any]:
    """What a server keeps of its flavor."""
    return {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "ephemeral": flavor.ephemeral,
        "swap": flavor.swap,
        "extra_specs": flavor.extra_specs,
    }


def links(ctx: Context, flavor_id: str) -> list[dict[str, str]]:
    """Where a flavor is found."""
    return [
        {"rel": "self", "href": ctx.url(f"/v2.1/flavors/{flavor_id}")},
        {"rel": "bookmark", "href": ctx.url(f"/flavors/{flavor_id}")},
    ]


def view(ctx: Context, flavor: Flavor) -> dict[str, Any]:
    """A flavor in full."""
    found: dict[str, Any] = {
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "vcpus": flavor.vcpus,
        "swap": flavor.swap if flavor.swap or ctx.version >= (2, 75) else "",
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": flavor.rxtx_factor,
        "links": links(ctx, flavor.id),
    }
    if ctx.version >= (2, 55):
        found["description"] = flavor.description
    if ctx.version >= (2, 61) and ctx.allows(rule("os-flavor-extra-specs:index")):
        found["extra_specs"] = flavor.extra_specs
    return found


def brief(ctx: Context, flavor: Flavor) -> dict[str, Any]:
    """A flavor as the short list has it."""
    found = {"id": flavor.id, "name": flavor.name, "links": links(ctx, flavor.id)}
    return found | ({"description": flavor.description} if ctx.version >= (2, 55) else {})


def _where(ctx: Context) -> Sequence["sa.ColumnElement[bool]"]:
    found: list[sa.ColumnElement[bool]] = []
    for name, column in (("minDisk", Flavor.disk), ("minRam", Flavor.ram)):
        text = ctx.request.get(name)
        if text is not None:
            if not text.isascii() or not text.isdigit() or len(text) > 10:
                raise BadRequest(f"Invalid {name} filter [{text[:40]}]: it must be a number.")
            found.append(column >= int(text))
    asked = (ctx.request.get("is_public") or "true").strip().lower()
    if "admin" not in ctx.who.roles:
        return [*found, usable(ctx.who.project_id)]
    if asked != "none":
        found.append(Flavor.is_public == Bool().read(asked, ctx.where.at("is_public")))
    return found


def _rows(ctx: Context) -> tuple[list[Flavor], str]:
    order = (("id", "asc"),)
    return page(ctx, Flavor, _where(ctx), default_sort=order)


def list_brief(ctx: Context) -> object:
    """Ids and names of the flavors that the caller may use."""
    rows, marker = _rows(ctx)
    return ctx.service.page(ctx, "flavors", [brief(ctx, row) for row in rows], marker)


def list_detail(ctx: Context) -> object:
    """The flavors that the caller may use."""
    rows, marker = _rows(ctx)
    return ctx.service.page(ctx, "flavors", [view(ctx, row) for row in rows], marker)


def show(ctx: Context) -> object:
    """One flavor."""
    return {"flavor": view(ctx, find(ctx, ctx.params["flavor_id"]))}


def create(ctx: Context) -> object:
    """A new flavor. Raises Conflict when its name or id is taken."""
    body = _CREATE.parse(ctx.inner("flavor"), ctx.where.at("flavor"))
    key = str(body["id"]) if body.get("id") not in (None, "auto") else ctx.tx.ids.uuid()
    clash = ctx.tx.one(Flavor, sa.or_(Flavor.id == key, Flavor.name == body["name"]))
    if clash is not None:
        what = f"ID {key}" if clash.id == key else f"name {body['name']}"
        raise Conflict(f"Flavor with {what} already exists.")
    flavor = ctx.tx.add(
        Flavor(
            id=key,
            name=body["name"],
            ram=body["ram"],
            vcpus=body["vcpus"],
            disk=body["disk"],
            ephemeral=body.get("OS-FLV-EXT-DATA:ephemeral", 0),
            swap=body.get("swap", 0),
            rxtx_factor=body.get("rxtx_factor", 1.0),
            is_public=body.get("os-flavor-access:is_public", True),
            description=body.get("description"),
        )
    )
    return {"flavor": view(ctx, flavor)}


def update(ctx: Context) -> object:
    """Change the description, the only thing of a flavor that may change."""
    body = _UPDATE.parse(ctx.inner("flavor"), ctx.where.at("flavor"))
    flavor = find(ctx, ctx.params["flavor_id"])
    ctx.tx.change(flavor, description=body["description"])
    return {"flavor": view(ctx, flavor)}


def delete(ctx: Context) -> object:
    """Remove a flavor; servers of it stay."""
    flavor = find(ctx, ctx.params["flavor_id"])
    ctx.tx.remove_where(FlavorAccess, flavor_id=flavor.id)
    ctx.tx.remove(flavor)
    return Response(202)


def first_start(tx: Tx) -> None:
    """The flavors of a fresh cloud."""
    sizes = (
        ("m1.nano", 1, 128, 1),
        ("m1.micro", 1, 192, 1),
        ("m1.tiny", 1, 512, 1),
        ("m1.small", 1, 2048, 20),
        ("m1.medium", 2, 4096, 40),
        ("m1.large", 4, 8192, 80),
        ("m1.xlarge", 8, 16384, 160),
    )
    if tx.exists(Flavor):
        return
    ids = {"m1.nano": "42", "m1.micro": "84", "m1.tiny": "1", "m1.small": "2"}
    ids |= {"m1.medium": "3", "m1.large": "4", "m1.xlarge": "5"}
    tx.add_all(
        [Flavor(id=ids[n], name=n, vcpus=cpus, ram=ram, disk=gb) for n, cpus, ram, gb in sizes]
    )


_PATH = "/v2.1/flavors"
_ONE = _PATH + "/{flavor_id}"
ROUTES = (
    Route("GET", _PATH, list_brief),
    Route("GET", _PATH + "/detail", list_detail),
    Route("GET", _ONE, show),
    Route("POST", _PATH, create, policy=rule("os-flavor-manage:create")),
    Route("PUT", _ONE, update, policy=rule("os-flavor-manage:update"), since=(2, 55)),
    Route("DELETE", _ONE, delete, policy=rule("os-flavor-manage:delete")),
)
