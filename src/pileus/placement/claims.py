"""Claiming and giving back: the only code that writes allocations.

A claim is a conditional write on the inventory row (`used + n` within capacity) and a step of the
provider's generation. Both lock the row, so of two transactions that want the last of something one
fails or runs again on what the other left.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import Conflict
from .rows import DEFAULT_TYPE, Allocation, Consumer, Inventory, Provider

# What a consumer holds: {provider: {resource class: amount}}.
Shares = Mapping[str, Mapping[str, int]]


class NoCapacity(Conflict):
    """The provider cannot give what was claimed; nothing of the claim stands."""


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
    held = dict(allocations(tx, consumer_id))
    wanted = {name: amount for name, amount in resources.items() if amount}
    if held.get(provider_id, {}) == wanted:
        return
    replace(tx, consumer_id, held, held | {provider_id: wanted}, project_id, user_id, consumer_type)


def release(tx: Tx, consumer_id: str, provider_id: str | None = None) -> None:
    """Give back all that the consumer holds (of one provider). Holding nothing is no error."""
    held = allocations(tx, consumer_id)
    kept = {p: shares for p, shares in held.items() if provider_id not in (None, p)}
    if kept != held:
        consumer = tx.get(Consumer, consumer_id)
        if consumer is not None:
            replace(
                tx,
                consumer_id,
                held,
                kept,
                consumer.project_id,
                consumer.user_id,
                consumer.consumer_type,
            )


def allocations(tx: Tx, consumer_id: str) -> dict[str, dict[str, int]]:
    """What a consumer holds: {provider: {resource class: amount}}."""
    found: dict[str, dict[str, int]] = {}
    for row in tx.all(Allocation, Allocation.consumer_id == consumer_id):
        found.setdefault(row.provider_id, {})[row.resource_class] = row.used
    return found


def replace(
    tx: Tx,
    consumer_id: str,
    held: Shares,
    wanted: Shares,
    project_id: str,
    user_id: str,
    consumer_type: str = DEFAULT_TYPE,
) -> None:
    """Change a consumer's shares from `held`, as just read, to `wanted`. Raises NoCapacity."""
    free_all(tx, consumer_id, held)
    take_all(tx, consumer_id, wanted, project_id, user_id, consumer_type, touched=held)


def free_all(tx: Tx, consumer_id: str, held: Shares) -> None:
    """Drop the consumer's allocation rows and lower `used`; the consumer row stays."""
    for provider_id, shares in sorted(held.items()):
        for name, amount in sorted(shares.items()):
            tx.set(Inventory, *_key(provider_id, name), used=Inventory.used - amount)
    tx.remove_where(Allocation, Allocation.consumer_id == consumer_id)


def take_all(
    tx: Tx,
    consumer_id: str,
    wanted: Shares,
    project_id: str,
    user_id: str,
    consumer_type: str,
    touched: Iterable[str] = (),
) -> None:
    """Write the shares of a consumer that holds nothing now, and its row. Raises NoCapacity."""
    rows = [
        Allocation(consumer_id=consumer_id, provider_id=p, resource_class=name, used=amount)
        for p, shares in sorted(wanted.items())
        for name, amount in sorted(shares.items())
    ]
    for row in rows:
        _take(tx, row.provider_id, row.resource_class, row.used)
    if rows:
        _keep_consumer(tx, consumer_id, project_id, user_id, consumer_type)
        tx.add_all(rows)
    else:
        tx.remove_where(Consumer, Consumer.id == consumer_id)
    changed = {row.provider_id for row in rows} | set(touched)
    for provider_id in sorted(changed):
        tx.set(Provider, Provider.id == provider_id, generation=Provider.generation + 1)


def _key(provider_id: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return Inventory.provider_id == provider_id, Inventory.resource_class == name


def fits(amount: int) -> sa.ColumnElement[bool]:
    """The condition that an inventory row can give `amount` in one piece, now."""
    return fits_row(Inventory.table.c, amount)


def fits_row(
    c: "sa.ColumnCollection[str, sa.Column[object]]", amount: int
) -> "sa.ColumnElement[bool]":
    """`fits` for any alias of the inventory table."""
    return sa.and_(
        (c.total - c.reserved) * c.allocation_ratio >= c.used + amount,
        c.min_unit <= amount,
        c.max_unit >= amount,
        sa.literal(amount) % c.step_size == 0,
    )


def _take(tx: Tx, provider_id: str, name: str, amount: int) -> None:
    done = tx.set(Inventory, *_key(provider_id, name), fits(amount), used=Inventory.used + amount)
    if not done:
        raise NoCapacity(_why_not(tx, provider_id, name, amount))


def _why_not(tx: Tx, provider_id: str, name: str, amount: int) -> str:
    row = tx.one(Inventory, *_key(provider_id, name))
    if row is None:
        return f"Resource provider {provider_id} has no inventory of {name}."
    if not row.min_unit <= amount <= row.max_unit or amount % row.step_size:
        return (
            f"Resource provider {provider_id} gives {name} in pieces of {row.min_unit} to"
            f" {row.max_unit}, in steps of {row.step_size}; {amount} is not one."
        )
    return (
        f"Resource provider {provider_id} is out of {name}: {amount} requested, {row.used} used"
        f" of a capacity of {row.capacity}. The requested amount exceeds the capacity."
    )


def _keep_consumer(
    tx: Tx, consumer_id: str, project_id: str, user_id: str, consumer_type: str
) -> None:
    done = tx.set(
        Consumer,
        Consumer.id == consumer_id,
        project_id=project_id,
        user_id=user_id,
        consumer_type=consumer_type,
        generation=Consumer.generation + 1,
        updated_at=tx.now,
    )
    if not done:
        tx.add(
            Consumer(
                id=consumer_id,
                project_id=project_id,
                user_id=user_id,
                consumer_type=consumer_type,
            )
        )
