"""Hosts that could take a guest, for the scheduler, and the funnel that led to them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from .claims import fits
from .rows import Inventory, Provider, ProviderAggregate, ProviderTrait


@dataclass(frozen=True)
class Candidate:
    """A host that fits, and how much it has left of each resource class asked for."""

    provider_id: str
    name: str
    free: Mapping[str, int]


@dataclass(frozen=True)
class Funnel:
    """(constraint, hosts left) in order; the first is how many hosts there were."""

    steps: list[tuple[str, int]] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join(f"{text}: {left}" for text, left in self.steps)


def candidates(
    tx: Tx,
    resources: Mapping[str, int],
    *,
    required: Iterable[str] = (),
    forbidden: Iterable[str] = (),
    member_of: Iterable[str | Collection[str]] = (),
    only: Collection[str] | None = None,
    limit: int = 1000,
) -> tuple[list[Candidate], Funnel]:
    """At most `limit` hosts that satisfy everything, by name, and the funnel.

    member_of: of each item, the host is in that aggregate, or in one of those.
    only: ids of the providers to look at. One query over all hosts.
    """
    constraints: list[tuple[str, sa.ColumnElement[bool]]] = []
    if only is not None:
        constraints.append(("among the hosts asked for", Provider.id.in_(list(only))))
    for item in member_of:
        group = [item] if isinstance(item, str) else sorted(item)
        constraints.append((f"in aggregate {' or '.join(group)}", _in_aggregate(group)))
    constraints += [(f"has trait {name}", _has_trait(name)) for name in sorted(set(required))]
    constraints += [(f"lacks trait {name}", ~_has_trait(name)) for name in sorted(set(forbidden))]
    wanted = {name: amount for name, amount in resources.items() if amount}
    query = _query(tuple(wanted))
    if constraints:
        query = query.add_columns(*(check for _, check in constraints))
    amounts = {f"amount_{index}": amount for index, amount in enumerate(wanted.values())}
    rows: Sequence[Any] = tx.execute(query, amounts).all()
    steps = [("hosts", len(rows))]
    room = 2 + len(wanted)  # where the columns that say whether there is room begin
    checks = [(text, room + len(wanted) + i) for i, (text, _) in enumerate(constraints)]
    checks += [(f"{n} {name} free", room + i) for i, (name, n) in enumerate(wanted.items())]
    for text, column in checks:
        rows = [row for row in rows if row[column]]
        steps.append((text, len(rows)))
    found = [
        Candidate(row[0], row[1], {name: int(row[2 + i]) for i, name in enumerate(wanted)})
        for row in rows[:limit]
    ]
    return found, Funnel(steps)


@lru_cache(maxsize=256)
def _query(names: tuple[str, ...]) -> "sa.Select[Any]":
    """Every host with what it has free of these resource classes, then whether that is enough.

    Kept for the next call: building it takes longer than running it.
    """
    joined: Any = Provider.table
    free: list[sa.ColumnElement[Any]] = []
    enough: list[sa.ColumnElement[bool]] = []
    for index, name in enumerate(names):
        own = Inventory.table.alias(f"inventory_{name.lower()}")
        on = sa.and_(own.c.provider_id == Provider.id, own.c.resource_class == name)
        joined = joined.outerjoin(own, on)
        amount = sa.bindparam(f"amount_{index}", type_=sa.BigInteger())
        free.append((own.c.total - own.c.reserved) * own.c.allocation_ratio - own.c.used)
        enough.append(sa.func.coalesce(fits(amount, own.c), sa.false()))
    return (
        sa.select(Provider.id, Provider.name, *free, *enough)
        .select_from(joined)
        .where(Provider.parent_id.is_(None))
        .order_by(Provider.name)
    )


def _in_aggregate(group: Sequence[str]) -> sa.ColumnElement[bool]:
    inner = sa.select(ProviderAggregate.provider_id).where(
        ProviderAggregate.aggregate_id.in_(group)
    )
    return Provider.id.in_(inner)


def _has_trait(name: str) -> sa.ColumnElement[bool]:
    return Provider.id.in_(sa.select(ProviderTrait.provider_id).where(ProviderTrait.trait == name))
