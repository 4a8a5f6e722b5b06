"""Claiming and giving back: the only code that writes allocations and `used`.

A claim is a conditional write on the inventory rows (`used + n` within capacity) and a step of the
provider's generation. Both lock the rows, so of two transactions that want the last of something
one fails, or runs again on what the other left.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Stale, Tx
from ..core.errors import Conflict
from .index import TOPIC
from .rows import DEFAULT_TYPE, Allocation, Consumer, Inventory, Provider

# What a consumer holds: {provider: {resource class: amount}}.
Shares = Mapping[str, Mapping[str, int]]


class NoCapacity(Conflict):
    """The provider cannot give what was claimed; nothing of the claim stands."""


class _Short(Exception):
    def __init__(self, wanted: Shares) -> None:
        super().__init__("too little")
        self.wanted = wanted


@contextmanager
def whole(tx: Tx) -> Iterator[None]:
    """All changes of the block stand, or the transaction must not.

    Raises NoCapacity, saying why, for a `take_all` in the block that found too little.
    """
    try:
        yield
    except _Short as short:
        raise NoCapacity(_why_not(tx, short.wanted)) from None


def claim(
    tx: Tx,
    consumer_id: str,
    project_id: str,
    user_id: str,
    provider_id: str,
    resources: Mapping[str, int],
    consumer_type: str = "INSTANCE",
) -> None:
    """Make what the consumer holds of this provider's tree add up to exactly `resources`.

    provider_id: the root. What the providers below it give stays, it gives the rest. Shares of
    other trees stay. Doing it twice is the same as once. Raises NoCapacity.
    """
    mine = _of_tree(tx, held_by(tx, consumer_id), provider_id)
    below = {p: shares for p, shares in mine.items() if p != provider_id}
    rest = Counter(resources)
    for shares in below.values():
        rest.subtract(shares)
    if any(amount < 0 for amount in rest.values()):
        more = ", ".join(sorted(name for name, amount in rest.items() if amount < 0))
        raise NoCapacity(_unable(provider_id, f"those below it give more {more} than is wanted"))
    own = {provider_id: {name: amount for name, amount in rest.items() if amount}}
    _claim(tx, consumer_id, project_id, user_id, mine, own | below, consumer_type)


def claim_tree(
    tx: Tx,
    consumer_id: str,
    project_id: str,
    user_id: str,
    root_id: str,
    shares: Shares,
    consumer_type: str = "INSTANCE",
) -> None:
    """Make what the consumer holds of this root's tree exactly `shares`. Raises NoCapacity.

    Shares of other trees stay. Doing it twice is the same as once.
    """
    mine = _of_tree(tx, held_by(tx, consumer_id), root_id)
    _claim(tx, consumer_id, project_id, user_id, mine, shares, consumer_type)


def _claim(
    tx: Tx,
    consumer_id: str,
    project_id: str,
    user_id: str,
    mine: Shares,
    shares: Shares,
    consumer_type: str,
) -> None:
    wanted = {
        p: some
        for p, one in shares.items()
        if (some := {name: amount for name, amount in one.items() if amount})
    }
    if wanted == mine:
        return
    if not wanted:
        _release(tx, consumer_id, mine)
        return
    # Undone alone, so that the caller may try another provider.
    with whole(tx), tx.conn.begin_nested():
        free_all(tx, consumer_id, mine)
        spared = no_worse([mine], [wanted])
        take_all(tx, consumer_id, wanted, project_id, user_id, consumer_type, mine, spared)


def _of_tree(tx: Tx, held: Shares, root_id: str) -> dict[str, Mapping[str, int]]:
    """What is held of this root and of those below it."""
    others = [p for p in held if p != root_id]
    rows = tx.all(Provider, id=others, root_id=root_id) if others else []
    mine = {row.id for row in rows} | {root_id}
    return {p: shares for p, shares in held.items() if p in mine}


def release(tx: Tx, consumer_id: str, provider_id: str | None = None) -> None:
    """Give back all that the consumer holds, or what it holds of the tree of this root.

    Holding nothing is no error.
    """
    held: Shares = held_by(tx, consumer_id)
    _release(tx, consumer_id, held if provider_id is None else _of_tree(tx, held, provider_id))


def _release(tx: Tx, consumer_id: str, gone: Shares) -> None:
    if not gone:
        return
    free_all(tx, consumer_id, gone)
    if tx.exists(Allocation, consumer_id=consumer_id):
        tx.increase(Consumer, "generation", id=consumer_id)
    else:
        tx.remove_where(Consumer, id=consumer_id)
    _touch(tx, gone)


def held_by(tx: Tx, consumer_id: str) -> dict[str, dict[str, int]]:
    """What a consumer holds: {provider: {resource class: amount}}."""
    found: dict[str, dict[str, int]] = {}
    for row in tx.all(Allocation, consumer_id=consumer_id):
        found.setdefault(row.provider_id, {})[row.resource_class] = row.used
    return found


def held_of_trees(tx: Tx, consumer_id: str) -> dict[str, dict[str, int]]:
    """What a consumer holds of each tree, summed up: {root: {resource class: amount}}."""
    return _summed(tx.execute(_holdings("own"), {"own": consumer_id})).get(consumer_id, {})


def held_by_all(tx: Tx, consumer_type: str = "INSTANCE") -> dict[str, dict[str, dict[str, int]]]:
    """The same of every consumer of a type: {consumer: {root: {resource class: amount}}}."""
    return _summed(tx.execute(_holdings("type"), {"type": consumer_type}))


@cache
def _holdings(by: str) -> "sa.Select[Any]":
    c = Allocation.table.c
    query = sa.select(c.consumer_id, Provider.root_id, c.resource_class, c.used).join_from(
        Allocation.table, Provider.table, Provider.id == c.provider_id
    )
    if by == "own":
        return query.where(c.consumer_id == sa.bindparam("own"))
    joined = query.join(Consumer.table, Consumer.id == c.consumer_id)
    return joined.where(Consumer.consumer_type == sa.bindparam("type"))


def _summed(rows: Iterable[Any]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for consumer, root, name, used in rows:
        shares = found.setdefault(consumer, {}).setdefault(root, {})
        shares[name] = shares.get(name, 0) + used
    return found


def free_all(tx: Tx, consumer_id: str, held: Shares) -> None:
    """Drop the consumer's allocation rows and lower `used`; its own row stays.

    held: as just read in this transaction. Raises Stale when the rows are no longer so.
    """
    for provider_id, shares in sorted(held.items()):
        tx.line("provider", provider_id)
        for name, amount in sorted(shares.items()):
            share = {"provider_id": provider_id, "resource_class": name}
            if not tx.remove_where(Allocation, consumer_id=consumer_id, used=amount, **share):
                raise Stale(f"the allocations of {consumer_id} have changed")
            tx.increase(Inventory, "used", -amount, **share)


def no_worse(before: Iterable[Shares], then: Iterable[Shares]) -> Collection[tuple[str, str]]:
    """The (provider, resource class) of which all together hold no more than before.

    It may lie beyond a capacity that has shrunk meanwhile, and stay there.
    """
    held, wanted = _sums(before), _sums(then)
    return {one for one, amount in wanted.items() if amount <= held[one]}


def _sums(several: Iterable[Shares]) -> Counter[tuple[str, str]]:
    found = Counter[tuple[str, str]]()
    for shares in several:
        for provider_id, one in shares.items():
            for name, amount in one.items():
                found[provider_id, name] += amount
    return found


def take_all(
    tx: Tx,
    consumer_id: str,
    wanted: Shares,
    project_id: str,
    user_id: str,
    consumer_type: str = DEFAULT_TYPE,
    touched: Iterable[str] = (),
    spared: Collection[tuple[str, str]] = (),
) -> None:
    """Write a consumer's shares of providers of which it holds nothing now, and its row.

    Within a `whole` block, which says why where there is too little.

    touched: further providers whose generation must grow, as the consumer has left them.
    spared: as `no_worse` has it.
    """
    _take(tx, wanted, spared)
    if wanted:
        _keep_consumer(tx, consumer_id, project_id, user_id, consumer_type)
    else:
        tx.remove_where(Consumer, id=consumer_id)
    tx.add_all(
        [
            Allocation(consumer_id=consumer_id, provider_id=p, resource_class=name, used=amount)
            for p, shares in sorted(wanted.items())
            for name, amount in sorted(shares.items())
        ]
    )
    _touch(tx, {*wanted, *touched})


def _touch(tx: Tx, providers: Iterable[str]) -> None:
    ids = sorted(providers)
    tx.update_all(_stepping(), [{"own_id": id} for id in ids])
    for id in ids:
        tx.signal(TOPIC, id)


@cache
def _stepping() -> sa.Update:
    c = Provider.table.c
    mine = c.id == sa.bindparam("own_id")
    return sa.update(Provider.table).where(mine).values(generation=c.generation + 1)


def fits(amount: sa.ColumnElement[int], columns: Any = None) -> sa.ColumnElement[bool]:
    """The condition that an inventory row can give `amount` in one piece, now.

    columns: those of an alias of the inventory table, where the query has one.
    """
    c = Inventory.table.c if columns is None else columns
    room = (c.total - c.reserved) * c.allocation_ratio >= c.used + amount
    return sa.and_(room, _in_pieces(amount, c))


def _in_pieces(amount: sa.ColumnElement[int], c: Any) -> sa.ColumnElement[bool]:
    return sa.and_(c.min_unit <= amount, c.max_unit >= amount, amount % c.step_size == 0)


def _take(tx: Tx, wanted: Shares, spared: Collection[tuple[str, str]]) -> None:
    """Always in the same order, so that of two who want the same the second waits."""
    takes = []
    for provider_id, shares in sorted(wanted.items()):
        tx.line("provider", provider_id)
        for name, amount in sorted(shares.items()):
            own = {"own_provider": provider_id, "own_class": name, "amount": amount}
            takes.append(own | {"spared": (provider_id, name) in spared})
    if tx.update_all(_taking(), takes) < len(takes):
        raise _Short(wanted)


@cache
def _taking() -> sa.Update:
    c, amount = Inventory.table.c, sa.bindparam("amount", type_=sa.BigInteger())
    own = (
        c.provider_id == sa.bindparam("own_provider"),
        c.resource_class == sa.bindparam("own_class"),
    )
    spared = sa.bindparam("spared", type_=sa.Boolean())
    enough = sa.or_(fits(amount), sa.and_(spared, _in_pieces(amount, c)))
    return sa.update(Inventory.table).where(*own, enough).values(used=c.used + amount)


def _why_not(tx: Tx, wanted: Shares) -> str:
    rows = {(r.provider_id, r.resource_class): r for r in tx.all(Inventory, provider_id=[*wanted])}
    # Some of what is wanted may be counted as used already, but is not allocated yet.
    used = Counter[tuple[str, str]]()
    for held in tx.all(Allocation, provider_id=[*wanted]):
        used[held.provider_id, held.resource_class] += held.used
    for provider_id, shares in sorted(wanted.items()):
        whys = []
        for name, amount in sorted(shares.items()):
            own = provider_id, name
            whys.append(_why(name, amount, rows.get(own), used[own]))
        if any(whys):
            return _unable(provider_id, "; ".join(filter(None, whys)))
    return _unable(", ".join(sorted(wanted)), "the requests together exceed its capacity")


def _unable(provider_id: str, why: str) -> str:
    return f"Unable to allocate inventory from resource provider {provider_id}: {why}."


def _why(name: str, amount: int, row: Inventory | None, used: int) -> str:
    """Why an inventory cannot give so much; "" where it can."""
    if row is None:
        return f"Inventory for {name!r} on it is invalid: it has none"
    if not row.min_unit <= amount <= row.max_unit or amount % row.step_size:
        return (
            f"it gives {name} in pieces of {row.min_unit} to {row.max_unit}, in steps of"
            f" {row.step_size}, and {amount} is not one"
        )
    if used + amount > row.capacity:
        return (
            f"The requested amount would exceed the capacity: {amount} {name} would exceed its"
            f" capacity of {row.capacity}, of which {used} is used"
        )
    return ""


def _keep_consumer(
    tx: Tx, consumer_id: str, project_id: str, user_id: str, consumer_type: str
) -> None:
    owner = {"project_id": project_id, "user_id": user_id, "consumer_type": consumer_type}
    tx.execute(_keeping(), {"id": consumer_id, "now": tx.now, **owner})


@cache
def _keeping() -> sa.TextClause:
    query = (
        "INSERT INTO placement_consumers"
        " (id, project_id, user_id, consumer_type, generation, created_at, updated_at)"
        " VALUES (:id, :project_id, :user_id, :consumer_type, 1, :now, :now)"
        " ON CONFLICT (id) DO UPDATE SET project_id = excluded.project_id,"
        " user_id = excluded.user_id, consumer_type = excluded.consumer_type,"
        " generation = placement_consumers.generation + 1, updated_at = excluded.updated_at"
    )
    return sa.text(query).bindparams(sa.bindparam("now", type_=sa.DateTime()))
