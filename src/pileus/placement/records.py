"""Providers as they are in the database, read whole."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from .rows import Inventory, Provider, ProviderAggregate, ProviderTrait

_NONE: frozenset[str] = frozenset()
_PROVIDER, _TRAIT, _AGGREGATE, _INVENTORY = range(4)
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
    rows: list[Any] = []
    if ids is None:
        rows += tx.execute(_query(some=False)).all()
    else:
        for some in chunks(sorted(ids)):
            rows += tx.execute(_query(some=True), {"ids": some}).all()
    names: dict[str, str] = {}
    found: dict[str, Record] = {}
    sets: tuple[dict[str, list[str]], ...] = ({}, {})
    for kind, id, text, more, *_ in rows:
        if kind == _PROVIDER:
            names[id], found[id] = more, Record(text)
        elif kind != _INVENTORY:
            sets[kind == _AGGREGATE].setdefault(id, []).append(text)
    for row in rows:
        if row[0] == _INVENTORY:
            _, id, name, _, total, reserved, ratio, used, least, most, step = row
            found[id].stock[name] = ((total - reserved) * ratio, used, least, most, step)
    same: dict[frozenset[str], frozenset[str]] = {}  # most providers have the same sets
    for id, traits in sets[0].items():
        found[id].traits = same.setdefault(frozenset(traits), frozenset(traits))
    for id, groups in sets[1].items():
        found[id].aggregates = same.setdefault(frozenset(groups), frozenset(groups))
    return {id: found[id] for id in sorted(found, key=names.__getitem__)}


@cache
def _query(some: bool) -> "sa.CompoundSelect[Any]":
    """All that is known of the providers, in one trip: a row each, and one for each thing it has.

    Columns: kind, provider, name (a provider's: its parent), a provider's name, the inventory.
    """
    p, t, a, i = (x.table.c for x in (Provider, ProviderTrait, ProviderAggregate, Inventory))
    stock = (i.total, i.reserved, i.allocation_ratio, i.used, i.min_unit, i.max_unit, i.step_size)
    none, nothing = sa.null(), (sa.null(),) * len(stock)
    ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
    # The inventories are first, as the first says of which type a column is.
    parts: list[tuple[Any, sa.Select[Any]]] = [
        (i.provider_id, _row(_INVENTORY, i.provider_id, i.resource_class, none, *stock)),
        (p.id, _row(_PROVIDER, p.id, p.parent_id, p.name, *nothing)),
        (t.provider_id, _row(_TRAIT, t.provider_id, t.trait, none, *nothing)),
        (a.provider_id, _row(_AGGREGATE, a.provider_id, a.aggregate_id, none, *nothing)),
    ]
    return sa.union_all(*(each.where(own.in_(ids)) if some else each for own, each in parts))


def _row(kind: int, *columns: Any) -> "sa.Select[Any]":
    return sa.select(sa.literal_column(str(kind)), *columns)


def free(stock: Stock) -> float:
    """What is left of an inventory."""
    return stock[0] - stock[1]


def fits(stock: Stock, amount: int) -> bool:
    """Whether an inventory can give `amount` in one piece, now."""
    _, _, least, most, step = stock
    return free(stock) >= amount and least <= amount <= most and amount % step == 0
