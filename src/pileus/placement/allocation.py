"""Allocations over HTTP: of one consumer, of many at once, of a provider."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import is_uuid
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer, empty
from .body import MANY_SHARES, SHARES, SHARES_FULL, SHARES_LIST, UUID
from .claims import free_all, held_by, no_worse, release, take_all, whole
from .names import check_classes
from .place import read
from .providers import CONCURRENT, provider
from .rows import DEFAULT_TYPE, Allocation, Consumer, Provider

# The owner of allocations that were written before 1.8, which names none.
NOBODY = "00000000-0000-0000-0000-000000000000"


def _show(ctx: Context) -> Response:
    consumer = ctx.tx.get(Consumer, ctx.params["consumer_id"].lower())
    shares: dict[str, dict[str, Any]] = {}
    body: dict[str, Any] = {"allocations": shares}
    if consumer is None:
        return answer(ctx, body)
    query = (
        sa.select(Allocation.table, Provider.generation)
        .join(Provider.table, Provider.id == Allocation.provider_id)
        .where(Allocation.consumer_id == consumer.id)
        .order_by(Provider.created_at, Provider.id, Allocation.resource_class)
    )
    for row in ctx.tx.execute(query).mappings():
        one = shares.setdefault(
            row["provider_id"], {"resources": {}, "generation": row["generation"]}
        )
        one["resources"][row["resource_class"]] = row["used"]
    if ctx.version >= (1, 12):
        body |= {"project_id": consumer.project_id, "user_id": consumer.user_id}
    if ctx.version >= (1, 28):
        body["consumer_generation"] = consumer.generation
    if ctx.version >= (1, 38):
        body["consumer_type"] = consumer.consumer_type
    return answer(ctx, body, modified=[consumer.updated_at])


def _of_provider(ctx: Context) -> Response:
    row = provider(ctx)
    query = (
        sa.select(Allocation.table, Consumer.generation)
        .join(Consumer.table, Consumer.id == Allocation.consumer_id)
        .where(Allocation.provider_id == row.id)
        .order_by(Allocation.consumer_id, Allocation.resource_class)
    )
    shares: dict[str, dict[str, Any]] = {}
    times = []
    for found in ctx.tx.execute(query).mappings():
        one = shares.setdefault(found["consumer_id"], {"resources": {}})
        one["resources"][found["resource_class"]] = found["used"]
        if ctx.version >= (1, 28):
            one["consumer_generation"] = found["generation"]
        times.append(found["updated_at"])
    body = {"allocations": shares, "resource_provider_generation": row.generation}
    return answer(ctx, body, modified=times)


def _put(ctx: Context) -> Response:
    consumer_id = ctx.params["consumer_id"]
    if not is_uuid(consumer_id):
        raise BadRequest(f"Malformed consumer_uuid: {consumer_id[:80]} is no UUID.")
    consumer_id = UUID.parse(consumer_id, ctx.where)
    if ctx.version < (1, 12):
        body = read(ctx, SHARES_LIST)
        shares: dict[str, Any] = {}
        for one in body["allocations"]:
            shares[one["resource_provider"]["uuid"]] = {"resources": one["resources"]}
        body["allocations"] = shares
    else:
        # From 1.28 no allocations means: give all back.
        body = read(ctx, SHARES if ctx.version >= (1, 28) else SHARES_FULL)
    set_shares(ctx, {consumer_id: body})
    return empty(ctx)


def _post(ctx: Context) -> Response:
    set_shares(ctx, read(ctx, MANY_SHARES))
    return empty(ctx)


def set_shares(
    ctx: Context,
    wanted: Mapping[str, Mapping[str, Any]],
    between: Callable[[], None] | None = None,
) -> None:
    """Make each consumer hold what its body says, all of them or none.

    Everything is given back before anything is taken, so that consumers can change places;
    `between` runs then, and after it what is taken has to fit. Without it, what lies beyond a
    capacity may stay there.
    Raises BadRequest, Conflict and NoCapacity.
    """
    tx = ctx.tx
    shares = {
        id: {p: one["resources"] for p, one in body["allocations"].items()}
        for id, body in wanted.items()
    }
    held, kinds = {}, {}
    for id, body in sorted(wanted.items()):
        consumer = tx.get(Consumer, id)
        if ctx.version >= (1, 28):
            _expect(id, consumer, body["consumer_generation"])
        kinds[id] = body.get("consumer_type", consumer.consumer_type if consumer else DEFAULT_TYPE)
        held[id] = held_by(tx, id) if consumer else {}
    _check(tx, shares)
    spared = () if between is not None else no_worse(held.values(), shares.values())
    with whole(tx):
        for id in sorted(wanted):
            free_all(tx, id, held[id])
        if between is not None:
            between()
        for id, body in sorted(wanted.items()):
            owner = body.get("project_id", NOBODY), body.get("user_id", NOBODY)
            take_all(tx, id, shares[id], *owner, kinds[id], held[id], spared)
        # However many consumers change, one request is one step of a provider's generation, and
        # none of a provider that consumers have only left for others.
        steps = Counter(p for id in wanted for p in {*shares[id], *held[id]})
        due = {p for id in wanted for p in shares[id] or held[id]}
        _step_back(tx, {p: count - (p in due) for p, count in steps.items()})


def _step_back(tx: Tx, steps: Mapping[str, int]) -> None:
    """Take back steps of providers' generations that this transaction made."""
    for provider_id, count in sorted(steps.items()):
        if count:
            tx.increase(Provider, "generation", -count, id=provider_id)


def _check(tx: Tx, shares: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    providers = sorted({p for one in shares.values() for p in one})
    known = {row.id for row in tx.all(Provider, id=providers)}
    for id in providers:
        if id not in known:
            raise BadRequest(f"Allocation for resource provider '{id}' that does not exist.")
    for consumer_id, one in sorted(shares.items()):
        names = {name for resources in one.values() for name in resources}
        check_classes(tx, names, f"Unable to allocate inventory for consumer {consumer_id}: ")


def _expect(id: str, consumer: Consumer | None, generation: int | None) -> None:
    actual = consumer.generation if consumer else None
    if actual != generation:
        shown = ["null" if g is None else str(g) for g in (actual, generation)]
        raise Conflict(
            f"consumer generation conflict - expected {shown[0]} but got {shown[1]}"
            f" for consumer {id}",
            kind=CONCURRENT,
        )


def _delete(ctx: Context) -> Response:
    id = ctx.params["consumer_id"].lower()
    if ctx.tx.get(Consumer, id) is None:
        raise NotFound(f"No allocations for consumer '{id[:80]}'.")
    held = held_by(ctx.tx, id)
    release(ctx.tx, id)
    # To give back is no reason for a client to read the provider anew.
    _step_back(ctx.tx, dict.fromkeys(held, 1))
    return empty(ctx)


_ONE, _RULE = "/allocations/{consumer_id}", "placement:allocations"
ROUTES = (
    Route("POST", "/allocations", _post, f"{_RULE}:manage", since=(1, 13)),
    Route("GET", _ONE, _show, f"{_RULE}:list"),
    Route("PUT", _ONE, _put, f"{_RULE}:update"),
    Route("DELETE", _ONE, _delete, f"{_RULE}:delete"),
    Route(
        "GET",
        "/resource_providers/{provider_id}/allocations",
        _of_provider,
        "placement:resource_providers:allocations:list",
    ),
)
