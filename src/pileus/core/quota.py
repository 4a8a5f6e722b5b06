"""Quota: counted from rows in the claiming transaction, so that usage cannot drift.

A service says what a resource's limit is and how much of it is in use; `check` refuses what would
go over. SQLite has one writer; elsewhere the row lock on the project's `QuotaGuard` puts the
claims of one project in order.
"""

from collections.abc import Mapping

from .db import Tx
from .errors import OverQuota
from .resource import Resource, attr
from .types import Int, Text

UNLIMITED = -1


class QuotaGuard(Resource):
    """One row a project; whoever claims touches it first."""

    one, many = "quota_guard", "quota_guards"

    project_id = attr(Text(64), key=True)
    touched = attr(Int(), default=0)


class QuotaLimit(Resource):
    """A project's own limit, where it differs from the default. `project_id` "" is the default."""

    one, many = "quota_limit", "quota_limits"

    service = attr(Text(32), key=True)
    project_id = attr(Text(64), key=True)
    resource = attr(Text(64), key=True)
    value = attr(Int())


def limits(tx: Tx, service: str, project_id: str, defaults: Mapping[str, int]) -> dict[str, int]:
    """A project's limits: its own, else the class default set by an operator, else `defaults`."""
    rows = tx.all(
        QuotaLimit,
        service=service,
        project_id=("", project_id),
        order=[QuotaLimit.project_id],
    )
    return dict(defaults) | {row.resource: row.value for row in rows if row.resource in defaults}


def guard(tx: Tx, project_id: str) -> None:
    """Put this transaction behind every other that claims for the project. Call before counting."""
    if f"project/{project_id}" in tx.lines:
        return  # this transaction is past it
    tx.line("project", project_id)
    if not tx.increase(QuotaGuard, "touched", project_id=project_id):
        tx.add(QuotaGuard(project_id=project_id))


def check(wanted: Mapping[str, int], used: Mapping[str, int], limit: Mapping[str, int]) -> None:
    """Raises OverQuota, naming every resource whose limit `wanted` on top of `used` exceeds."""
    over = [
        f"{name}: requested {amount}, already used {used.get(name, 0)}, limit {limit[name]}"
        for name, amount in wanted.items()
        if amount > 0
        and limit.get(name, UNLIMITED) >= 0
        and used.get(name, 0) + amount > limit[name]
    ]
    if over:
        raise OverQuota("Quota exceeded for " + "; ".join(over) + ".", kind="OverQuota")
