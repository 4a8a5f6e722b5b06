"""Providers as they are in the database, read whole."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from .rows import Inventory, Provider, ProviderAggregate, ProviderTrait

_NONE: frozenset[str] = frozenset()
# (capacity, used, min_unit, max_unit, step_size)
Stock = tuple[float, float, float, float, float]


@dataclass(slots=True)
class Record:
    """One provider with all that it has. stock: by resource class."""

    parent: str | None
    traits: frozenset[str] = _NONE
    aggregates: frozenset[str] = _NONE
    stock: dict[str, Stock] = field(default_factory=dict)


def read(tx: Tx, ids: Collection[str] | None = None) -> dict[str, Record]:
    """These providers, or all, by id and in the order of their names; what is gone is missing."""
    if ids is None:
        return _read(tx, False, {})
    found: dict[str, Record] = {}
    for some in chunks(sorted(ids)):
        found |= _read(tx, True, {"ids": some})
    return found


def _read(tx: Tx, some: bool, values: Mapping[str, Any]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    sets: dict[frozenset[str], frozenset[str]] = {}  # most providers have the same ones
    providers, traits, aggregates, stocks = _queries(some)
    for id, parent in tx.execute(providers, values).all():
        found[id] = Record(parent)
    for id, names in _grouped(tx, traits, values).items():
        found[id].traits = sets.setdefault(names, names)
    for id, names in _grouped(tx, aggregates, values).items():
        found[id].aggregates = sets.setdefault(names, names)
    rows = tx.execute(stocks, values).all()
    for id, name, total, reserved, ratio, used, least, most, step in rows:
        found[id].stock[name] = ((total - reserved) * ratio, used, least, most, step)
    return found


def _grouped(tx: Tx, query: Any, values: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, list[str]] = {}
    for id, name in tx.execute(query, values).all():
        found.setdefault(id, []).append(name)
    return {id: frozenset(names) for id, names in found.items()}


@cache
def _queries(some: bool) -> tuple[Any, ...]:
    p, t, a, i = (x.table.c for x in (Provider, ProviderTrait, ProviderAggregate, Inventory))
    stock = (i.total, i.reserved, i.allocation_ratio, i.used, i.min_unit, i.max_unit, i.step_size)
    queries = (
        (p.id, sa.select(p.id, p.parent_id).order_by(p.name)),
        (t.provider_id, sa.select(t.provider_id, t.trait)),
        (a.provider_id, sa.select(a.provider_id, a.aggregate_id)),
        (i.provider_id, sa.select(i.provider_id, i.resource_class, *stock)),
    )
    if not some:
        return tuple(query for _, query in queries)
    ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
    return tuple(query.where(column.in_(ids)) for column, query in queries)


def free(stock: Stock) -> float:
    """What is left of an inventory."""
    return stock[0] - stock[1]


def fits(stock: Stock, amount: int) -> bool:
    """Whether an inventory can give `amount` in one piece, now."""
    _, _, least, most, step = stock
    return free(stock) >= amount and least <= amount <= most and amount % step == 0
