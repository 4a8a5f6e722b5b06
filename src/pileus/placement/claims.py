"""Claiming and giving back: the only code that writes allocations and `used`.

A claim is a conditional write on the inventory rows (`used + n` within capacity) and a step of the
provider's generation. Both lock the rows, so of two transactions that want the last of something
one fails, or runs again on what the other left.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ..core.db import Stale, Tx
from ..core.errors import Conflict
from .rows import DEFAULT_TYPE, Allocation, Consumer, Inventory, Provider

# What a consumer holds: {provider: {resource class: amount}}.
Shares = Mapping[str, Mapping[str, int]]


class NoCapacity(Conflict):
    """The provider cannot give what was claimed; nothing of the claim stands."""


class _Short(Exception):
    def __init__(self, provider_id: str, shares: Mapping[str, int]) -> None:
        super().__init__(provider_id)
        self.provider_id, self.shares = provider_id, shares


@contextmanager
def whole(tx: Tx) -> Iterator[None]:
    """Either all changes of the block stand or none, so that a caller may try another provider.

    Raises NoCapacity, saying why, for a `take_all` in the block that found too little.
    """
    try:
        with tx.conn.begin_nested():
            yield
    except _Short as short:
        raise NoCapacity(_why_not(tx, short.provider_id, short.shares)) from None


def claim(
    tx: Tx,
    consumer_id: str,
    project_id: str,
    user_id: str,
    provider_id: str,
    resources: Mapping[str, int],
    consumer_type: str = "INSTANCE",
) -> None:
    """Make what the consumer holds of this provider exactly `resources`.

    Its shares of other providers stay. Doing it twice is the same as once. Raises NoCapacity.
    """
    held = held_by(tx, consumer_id)
    wanted = {name: amount for name, amount in resources.items() if amount}
    if held.get(provider_id, {}) == wanted:
        return
    if not wanted:
        release(tx, consumer_id, provider_id)
        return
    mine = {p: shares for p, shares in held.items() if p == provider_id}
    with whole(tx):
        free_all(tx, consumer_id, mine)
        take_all(tx, consumer_id, {provider_id: wanted}, project_id, user_id, consumer_type)


def release(tx: Tx, consumer_id: str, provider_id: str | None = None) -> None:
    """Give back all that the consumer holds (of one provider). Holding nothing is no error."""
    held = held_by(tx, consumer_id)
    kept = {p: shares for p, shares in held.items() if provider_id not in (None, p)}
    if kept == held:
        return
    gone = {p: shares for p, shares in held.items() if p not in kept}
    free_all(tx, consumer_id, gone)
    if kept:
        tx.set(Consumer, Consumer.id == consumer_id, generation=Consumer.generation + 1)
    else:
        tx.remove_where(Consumer, Consumer.id == consumer_id)
    tx.set(Provider, Provider.id.in_(sorted(gone)), generation=Provider.generation + 1)


def held_by(tx: Tx, consumer_id: str) -> dict[str, dict[str, int]]:
    """What a consumer holds: {provider: {resource class: amount}}."""
    found: dict[str, dict[str, int]] = {}
    for row in tx.all(Allocation, Allocation.consumer_id == consumer_id):
        found.setdefault(row.provider_id, {})[row.resource_class] = row.used
    return found


def held_by_all(tx: Tx, consumer_type: str = "INSTANCE") -> dict[str, dict[str, dict[str, int]]]:
    """What every consumer of a type holds: {consumer: {provider: {resource class: amount}}}."""
    mine = sa.select(Consumer.id).where(Consumer.consumer_type == consumer_type)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in tx.all(Allocation, Allocation.consumer_id.in_(mine)):
        shares = found.setdefault(row.consumer_id, {}).setdefault(row.provider_id, {})
        shares[row.resource_class] = row.used
    return found


def free_all(tx: Tx, consumer_id: str, held: Shares) -> None:
    """Drop the consumer's allocation rows and lower `used`; its own row stays.

    held: as just read in this transaction. Raises Stale when the rows are no longer so.
    """
    rows = [
        sa.and_(
            Allocation.provider_id == provider_id,
            Allocation.resource_class == name,
            Allocation.used == amount,
        )
        for provider_id, shares in held.items()
        for name, amount in shares.items()
    ]
    if not rows:
        return
    gone = tx.remove_where(Allocation, Allocation.consumer_id == consumer_id, sa.or_(*rows))
    if gone != len(rows):
        raise Stale(f"the allocations of {consumer_id} have changed")
    for provider_id, shares in sorted(held.items()):
        tx.set(
            Inventory,
            Inventory.provider_id == provider_id,
            Inventory.resource_class.in_(sorted(shares)),
            used=Inventory.used - _amount(shares),
        )


def take_all(
    tx: Tx,
    consumer_id: str,
    wanted: Shares,
    project_id: str,
    user_id: str,
    consumer_type: str = DEFAULT_TYPE,
    touched: Iterable[str] = (),
) -> None:
    """Write a consumer's shares of providers of which it holds nothing now, and its row.

    Within a `whole` block, which undoes it where there is too little.

    touched: further providers whose generation must grow, as the consumer has left them.
    """
    for provider_id, shares in sorted(wanted.items()):
        _take(tx, provider_id, shares)
    if wanted:
        _keep_consumer(tx, consumer_id, project_id, user_id, consumer_type)
    else:
        tx.remove_where(Consumer, Consumer.id == consumer_id)
    tx.add_all(
        [
            Allocation(consumer_id=consumer_id, provider_id=p, resource_class=name, used=amount)
            for p, shares in sorted(wanted.items())
            for name, amount in sorted(shares.items())
        ]
    )
    changed = sorted({*wanted, *touched})
    if changed:
        tx.set(Provider, Provider.id.in_(changed), generation=Provider.generation + 1)


def fits(amount: int | sa.ColumnElement[int], columns: Any = None) -> sa.ColumnElement[bool]:
    """The condition that an inventory row can give `amount` in one piece, now.

    columns: those of an alias of the inventory table, where the query has one.
    """
    c = Inventory.table.c if columns is None else columns
    return sa.and_(
        (c.total - c.reserved) * c.allocation_ratio >= c.used + amount,
        c.min_unit <= amount,
        c.max_unit >= amount,
        (sa.literal(amount) if isinstance(amount, int) else amount) % c.step_size == 0,
    )


def _amount(shares: Mapping[str, int]) -> sa.ColumnElement[int]:
    return sa.case(dict(shares), value=Inventory.resource_class, else_=0)


def _take(tx: Tx, provider_id: str, shares: Mapping[str, int]) -> None:
    fitting = [sa.and_(Inventory.resource_class == n, fits(a)) for n, a in sorted(shares.items())]
    done = tx.set(
        Inventory,
        Inventory.provider_id == provider_id,
        sa.or_(*fitting),
        used=Inventory.used + _amount(shares),
    )
    if done != len(shares):
        raise _Short(provider_id, shares)


def _why_not(tx: Tx, provider_id: str, shares: Mapping[str, int]) -> str:
    rows = {r.resource_class: r for r in tx.all(Inventory, Inventory.provider_id == provider_id)}
    whys = []
    for name, amount in sorted(shares.items()):
        row = rows.get(name)
        if row is None:
            whys.append(f"it has no inventory of {name}")
        elif not row.min_unit <= amount <= row.max_unit or amount % row.step_size:
            whys.append(
                f"it gives {name} in pieces of {row.min_unit} to {row.max_unit}, in steps of"
                f" {row.step_size}, and {amount} is not one"
            )
        elif row.used + amount > row.capacity:
            whys.append(
                f"{amount} {name} would exceed its capacity of {row.capacity}, of which"
                f" {row.used} is used"
            )
    why = "; ".join(whys) or "the requests together exceed its capacity"
    return f"Unable to allocate inventory from resource provider {provider_id}: {why}."


def _keep_consumer(
    tx: Tx, consumer_id: str, project_id: str, user_id: str, consumer_type: str
) -> None:
    owner = {"project_id": project_id, "user_id": user_id, "consumer_type": consumer_type}
    done = tx.set(
        Consumer,
        Consumer.id == consumer_id,
        generation=Consumer.generation + 1,
        updated_at=tx.now,
        **owner,
    )
    if not done:
        tx.add(Consumer(id=consumer_id, **owner))
