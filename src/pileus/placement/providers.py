"""Resource providers over HTTP."""

import sqlalchemy as sa

from ..core.db import Stale, Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer, empty, path
from .body import UUID
from .claims import fits
from .index import TOPIC
from .place import asked_at, read
from .provide import provider_remove
from .query import Asked, asked, check_keys, check_names
from .rows import Inventory, Provider, ProviderAggregate, ProviderTrait

CONCURRENT = "placement.concurrent_update"
_PARENT = Field(UUID, null=True, since=(1, 14))
_NAME = Field(Text(200, 1), required=True)
_NEW = Object({"name": _NAME, "uuid": UUID, "parent_provider_uuid": _PARENT})
_CHANGE = Object({"name": _NAME, "parent_provider_uuid": _PARENT})
_KEYS = {
    "name": (1, 0),
    "uuid": (1, 0),
    "member_of": (1, 3),
    "resources": (1, 4),
    "in_tree": (1, 14),
    "required": (1, 18),
}


def provider(ctx: Context, why: str = "") -> Provider:
    """The provider that the path names. Raises NotFound, saying what it was looked for."""
    key = ctx.params["provider_id"]
    found = ctx.tx.get(Provider, key.lower())
    if found is None:
        raise NotFound(f"No resource provider with uuid {key[:80]} found{why}.")
    return found


def expect(row: Provider, generation: int | None) -> None:
    """Raises Conflict when the caller knows another generation of the provider."""
    if generation is not None and generation != row.generation:
        raise Conflict(
            f"resource provider generation conflict for provider {row.id}: actual:"
            f" {row.generation}, given: {generation}. Resource provider's generation already"
            " changed. Please update the generation and try again.",
            kind=CONCURRENT,
        )


def step(tx: Tx, row: Provider) -> None:
    """Move the provider to its next generation, if nobody else just did."""
    done = tx.set(
        Provider,
        Provider.id == row.id,
        Provider.generation == row.generation,
        generation=row.generation + 1,
        updated_at=tx.now,
    )
    if not done:
        raise Stale(f"resource provider {row.id} has moved on")
    tx.signal(TOPIC, row.id)
    row.generation += 1


def view(ctx: Context, row: Provider) -> dict[str, object]:
    """A provider as JSON."""
    here = path(ctx, "resource_providers", row.id)
    rels = ["inventories", "usages"]
    rels += [
        rel
        for rel, since in (("aggregates", (1, 1)), ("traits", (1, 6)), ("allocations", (1, 11)))
        if ctx.version >= since
    ]
    found: dict[str, object] = {
        "uuid": row.id,
        "name": row.name,
        "generation": row.generation,
        "links": [{"rel": "self", "href": here}]
        + [{"rel": rel, "href": f"{here}/{rel}"} for rel in rels],
    }
    if ctx.version >= (1, 14):
        found |= {"parent_provider_uuid": row.parent_id, "root_provider_uuid": row.root_id}
    return found


def conditions(what: Asked) -> list[sa.ColumnElement[bool]]:
    """The query's conditions on `Provider` for what was asked."""
    found: list[sa.ColumnElement[bool]] = []
    for name, amount in what.resources.items():
        stock = sa.select(Inventory.provider_id).where(
            Inventory.resource_class == name, fits(sa.literal(amount))
        )
        found.append(Provider.id.in_(stock))
    found += [_having(group) for group in what.required]
    found += [_inside(group) for group in what.member_of]
    if what.forbidden:
        found.append(~_having(what.forbidden))
    if what.outside:
        found.append(~_inside(what.outside))
    if what.in_tree:
        other = Provider.table.alias("other")
        root = sa.select(other.c.root_id).where(other.c.id == what.in_tree)
        found.append(Provider.root_id.in_(root))
    return found


def _having(traits: frozenset[str]) -> sa.ColumnElement[bool]:
    rows = sa.select(ProviderTrait.provider_id).where(ProviderTrait.trait.in_(sorted(traits)))
    return Provider.id.in_(rows)


def _inside(aggregates: frozenset[str]) -> sa.ColumnElement[bool]:
    ids = ProviderAggregate.aggregate_id.in_(sorted(aggregates))
    return Provider.id.in_(sa.select(ProviderAggregate.provider_id).where(ids))


def _list(ctx: Context) -> Response:
    check_keys(ctx, {key for key, since in _KEYS.items() if ctx.version >= since})
    what = asked(ctx)
    check_names(ctx.tx, [what])
    where = conditions(what)
    if name := ctx.request.get("name"):  # an empty one asks for nothing
        where.append(Provider.name == name)
    if (uuid := ctx.request.get("uuid")) is not None:
        where.append(Provider.id == UUID.parse(uuid, asked_at(ctx, "uuid")))
    rows = ctx.tx.all(Provider, *where, order=[Provider.created_at, Provider.id])
    body = {"resource_providers": [view(ctx, row) for row in rows]}
    return answer(ctx, body, modified=[row.updated_at for row in rows])


def _show(ctx: Context) -> Response:
    row = provider(ctx)
    return answer(ctx, view(ctx, row), modified=[row.updated_at])


def _create(ctx: Context) -> Response:
    body = read(ctx, _NEW)
    id = body.get("uuid") or ctx.tx.ids.uuid()
    _unique(ctx.tx, body["name"], id)
    if ctx.tx.get(Provider, id) is not None:
        raise _taken(f"uuid: {id}")
    failing = f'Unable to create resource provider "{body["name"]}", {id}'
    parent = _parent(ctx.tx, body.get("parent_provider_uuid"), id, failing)
    row = ctx.tx.add(
        Provider(
            id=id,
            name=body["name"],
            parent_id=parent.id if parent else None,
            root_id=parent.root_id if parent else id,
        )
    )
    here = f"/resource_providers/{id}"
    if ctx.version < (1, 20):
        return empty(ctx, 201, here)
    return answer(ctx, view(ctx, row), modified=[row.updated_at], location=here)


def _update(ctx: Context) -> Response:
    row = provider(ctx)
    body = read(ctx, _CHANGE)
    _unique(ctx.tx, body["name"], row.id)
    if "parent_provider_uuid" in body:
        _move(ctx, row, body["parent_provider_uuid"])
    ctx.tx.change(row, name=body["name"], updated_at=ctx.tx.now)
    return answer(ctx, view(ctx, row), modified=[row.updated_at])


def _delete(ctx: Context) -> Response:
    provider_remove(ctx.tx, provider(ctx, " for delete").id)
    return empty(ctx)


def _unique(tx: Tx, name: str, id: str) -> None:
    if tx.exists(Provider, Provider.name == name, Provider.id != id):
        raise _taken(f"name: {name}")


def _taken(what: str) -> Conflict:
    return Conflict(
        f"Conflicting resource provider {what} already exists.", kind="placement.duplicate_name"
    )


def _parent(tx: Tx, id: str | None, child: str, failing: str) -> Provider | None:
    if id is None:
        return None
    found = tx.get(Provider, id)
    if found is None:
        why = "cannot be same as UUID" if id == child else f"does not exist: {id}"
        raise BadRequest(f"{failing}: parent provider UUID {why}.")
    return found


def _move(ctx: Context, row: Provider, id: str | None) -> None:
    """Give the provider another parent, and its whole subtree the root that follows from it."""
    if id == row.parent_id:
        return
    failing = f"Unable to save resource provider {row.id}"
    if row.parent_id is not None and ctx.version < (1, 37):
        raise BadRequest(
            f"{failing}: {'un' if id is None else 're'}-parenting a provider is not currently"
            " allowed; it is from microversion 1.37."
        )
    parent = _parent(ctx.tx, id, row.id, failing)
    family = ctx.tx.all(Provider, root_id=row.root_id)
    below = {row.id}
    grown = True
    while grown:
        more = {p.id for p in family if p.parent_id in below} - below
        below |= more
        grown = bool(more)
    if parent is not None and parent.id in below:
        raise BadRequest(
            f"{failing}: {parent.id} is itself or below it; creating loop in the provider tree is"
            " not allowed."
        )
    ctx.tx.change(row, parent_id=parent.id if parent else None)
    root = parent.root_id if parent else row.id
    ctx.tx.set(Provider, Provider.id.in_(sorted(below)), root_id=root)
    ctx.tx.signal(TOPIC)
    row.root_id = root


_RULE = "placement:resource_providers"
ROUTES = (
    Route("GET", "/resource_providers", _list, f"{_RULE}:list"),
    Route("POST", "/resource_providers", _create, f"{_RULE}:create"),
    Route("GET", "/resource_providers/{provider_id}", _show, f"{_RULE}:show"),
    Route("PUT", "/resource_providers/{provider_id}", _update, f"{_RULE}:update"),
    Route("DELETE", "/resource_providers/{provider_id}", _delete, f"{_RULE}:delete"),
)
