"""What the catalog is made of: services, regions and endpoints."""

from typing import Any
from urllib.parse import urlsplit

from ..core.errors import BadRequest, Conflict
from ..core.resource import Resource
from ..wire.context import Context
from ..wire.route import Route
from . import dependents, noun
from .catalog import KNOWN_FIELDS, fields
from .revision import bump
from .rows import CatalogService, Endpoint, Region

_INTERFACES = ("public", "internal", "admin")


def _one(ctx: Context, row: Resource) -> dict[str, Any]:
    return {row.one: _views(ctx, [row])[0]}


def _views(ctx: Context, rows: list[Any]) -> list[dict[str, Any]]:
    found = noun.view(ctx, rows)
    for one in found:
        if "service_id" in one:
            one["region"] = one["region_id"]
    return found


class _Kind:
    """The five verbs of one type of row; what differs is in `check`."""

    def __init__(self, cls: type[Resource]) -> None:
        self.cls = cls

    def find(self, ctx: Context, verb: str) -> Any:
        rule = f"identity:{verb}_{self.cls.one}"
        return noun.find(ctx, self.cls, ctx.params[f"{self.cls.one}_id"], rule)

    def list(self, ctx: Context) -> object:
        ctx.require(f"identity:list_{self.cls.many}")
        rows, marker = noun.listed(ctx, self.cls, sort=(("id", "asc"),))
        return ctx.service.page(ctx, self.cls.many, _views(ctx, rows), marker)

    def show(self, ctx: Context) -> object:
        return _one(ctx, self.find(ctx, "get"))

    def create(self, ctx: Context) -> object:
        ctx.require(f"identity:create_{self.cls.one}")
        values, free = noun.body(ctx, self.cls, skip=("region",))
        self.check(ctx, values, None)
        row = ctx.tx.add(self.cls(extra=free, **values))
        bump(ctx.tx)
        return _one(ctx, row)

    def update(self, ctx: Context) -> object:
        row = self.find(ctx, "update")
        values, free = noun.body(ctx, self.cls, row, skip=("region",))
        self.check(ctx, values, row)
        ctx.tx.change(row, extra=row.extra | free, **values)
        bump(ctx.tx)
        return _one(ctx, row)

    def delete(self, ctx: Context) -> None:
        row = self.find(ctx, "delete")
        self.clear(ctx, row)
        ctx.tx.remove(row)
        bump(ctx.tx)

    def check(self, ctx: Context, values: dict[str, Any], row: Any) -> None:
        """Raises BadRequest or Conflict for values that cannot stand."""

    def clear(self, ctx: Context, row: Any) -> None:
        """Remove what goes with the row. Raises Conflict when something holds it."""

    def routes(self) -> tuple[Route, ...]:
        """The five routes."""
        path = f"/v3/{self.cls.many}"
        one = f"{path}/{{{self.cls.one}_id}}"
        return (
            Route("GET", path, self.list),
            Route("POST", path, self.create, status=201),
            Route("GET", one, self.show),
            Route("PATCH", one, self.update),
            Route("DELETE", one, self.delete, status=204),
        )


class _Services(_Kind):
    def clear(self, ctx: Context, row: Any) -> None:
        dependents.of_service(ctx.tx, row)


class _Regions(_Kind):
    def put(self, ctx: Context) -> object:
        """Create with the id that the path names. Raises BadRequest, Conflict."""
        ctx.require("identity:create_region")
        values, free = noun.body(ctx, Region)
        named = ctx.params["region_id"]
        if values.setdefault("id", named) != named:
            raise BadRequest(f"region.id: {values['id']!r} is not {named!r}, which the URL says.")
        values["id"] = Region.attrs["id"].type.parse(named, ctx.where.at("id"))
        self.check(ctx, values, None)
        row = ctx.tx.add(Region(extra=free, **values))
        bump(ctx.tx)
        return _one(ctx, row)

    def routes(self) -> tuple[Route, ...]:
        put = Route("PUT", "/v3/regions/{region_id}", self.put, status=201)
        return (*super().routes(), put)

    def check(self, ctx: Context, values: dict[str, Any], row: Any) -> None:
        own = row.id if row else values.get("id")
        if row is None and own is not None and ctx.tx.get(Region, own) is not None:
            raise Conflict(f"There is already a region {own!r}.")
        parent, seen = values.get("parent_region_id"), {own}
        while parent is not None:
            above = ctx.tx.get(Region, parent)
            if above is None or parent in seen:
                raise BadRequest(f"region.parent_region_id: {parent!r} cannot be above {own!r}.")
            seen.add(parent)
            parent = above.parent_region_id

    def clear(self, ctx: Context, row: Any) -> None:
        if ctx.tx.exists(Endpoint, region_id=row.id) or ctx.tx.exists(
            Region, parent_region_id=row.id
        ):
            raise Conflict("Endpoints or regions still belong to this region: delete them first.")
        dependents.of_region(ctx.tx, row)


class _Endpoints(_Kind):
    def clear(self, ctx: Context, row: Any) -> None:
        dependents.of_endpoint(ctx.tx, row)

    def check(self, ctx: Context, values: dict[str, Any], row: Any) -> None:
        given = ctx.inner("endpoint")
        if "region" in given and "region_id" not in given:
            # The older name of the field; it makes the region where there is none.
            name = Endpoint.attrs["region_id"].type.parse(given["region"], ctx.where.at("region"))
            values["region_id"] = name
            if ctx.tx.get(Region, name) is None:
                ctx.tx.add(Region(id=name))
        region = values.get("region_id")
        if region is not None and ctx.tx.get(Region, region) is None:
            raise BadRequest(f"endpoint.region_id: there is no region {region!r}.")
        service = values.get("service_id")
        if service is not None and ctx.tx.get(CatalogService, service) is None:
            raise BadRequest(f"endpoint.service_id: there is no service {service!r}.")
        if values.get("interface", "public") not in _INTERFACES:
            raise BadRequest(f"endpoint.interface must be one of {', '.join(_INTERFACES)}.")
        if "url" in values:
            _check_url(values["url"])
            values["made"] = None  # from now on it is the operator's


def _check_url(url: str) -> None:
    unknown = fields(url) - KNOWN_FIELDS
    if unknown:
        known = ", ".join(sorted(KNOWN_FIELDS))
        raise BadRequest(f"endpoint.url: {', '.join(sorted(unknown))} is none of {known}.")
    try:
        right = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        right = False
    if not right:
        raise BadRequest("endpoint.url must be an http or https URL.")


def routes() -> tuple[Route, ...]:
    """The routes of services, regions and endpoints."""
    kinds = (_Services(CatalogService), _Regions(Region), _Endpoints(Endpoint))
    return tuple(route for kind in kinds for route in kind.routes())
