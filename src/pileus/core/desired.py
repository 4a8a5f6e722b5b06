"""What every host should look like, and what its agent last said that it does.

A row is one object on one host (a guest, a network's metadata port). The control plane writes
`spec`; the host's agent watches its own rows by `revision`, makes them so, and reports. A row whose
spec is None is to be removed, and goes once the agent says that it has been.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from . import flow
from .db import Tx
from .resource import Resource, attr
from .types import Int, Json, Text, When

MOST = 200  # objects in one answer of `since`


class HostRevision(Resource):
    """The newest revision of a host's desired state; its row lock puts a host's writes in order."""

    one, many = "host_revision", "host_revisions"

    host = attr(Text(255), key=True)
    revision = attr(Int())


class Desired(Resource):
    """One object that should be on a host."""

    one, many = "desired", "desired"
    constraints = (
        sa.Index("ix_desired_host_revision", "host", "revision"),
        sa.Index("ix_desired_reported_at", "reported_at"),
    )

    kind = attr(Text(32), key=True)
    id = attr(Text(64), key=True)
    host = attr(Text(255), key=True)
    revision = attr(Int())
    spec = attr(Json(), null=True)
    observed = attr(Int(), default=0)  # the revision that the last report is about
    state = attr(Json(), default=None, null=True)
    reported_at = attr(When(), null=True)


@dataclass(frozen=True)
class Wanted:
    """A desired object as it travels to the agent."""

    kind: str
    id: str
    revision: int
    spec: Mapping[str, Any] | None


@dataclass(frozen=True)
class Report:
    """What the agent found after acting on `revision`; `state` None says that it is gone."""

    kind: str
    id: str
    revision: int
    state: Mapping[str, Any] | None


def _bump(tx: Tx, host: str) -> int:
    tx.line("host", host)
    revision: int | None = tx.execute(_bumping(), {"own_host": host}).scalar()
    if revision is None:
        tx.add(HostRevision(host=host, revision=1))
        return 1
    return revision


@cache
def _bumping() -> "sa.UpdateBase":
    table = HostRevision.table
    newer = sa.update(table).where(table.c.host == sa.bindparam("own_host"))
    return newer.values(revision=table.c.revision + 1).returning(table.c.revision)


def put(tx: Tx, host: str, kind: str, key: str, spec: Mapping[str, Any] | None) -> int:
    """Ask the host for this object and return the revision; the same spec again changes nothing."""
    row = tx.get(Desired, kind, key, host)
    if row is not None and row.spec == spec:
        return row.revision
    if row is None and spec is None:
        return 0
    revision = _bump(tx, host)
    if row is None:
        tx.add(Desired(kind=kind, id=key, host=host, revision=revision, spec=spec))
    else:
        tx.change(row, spec=spec, revision=revision)
    tx.signal("desired", host)
    return revision


def withdraw(tx: Tx, host: str, kind: str, key: str) -> None:
    """Ask the host to remove this object."""
    put(tx, host, kind, key, None)


def retry(tx: Tx, host: str, kind: str, key: str) -> None:
    """Ask the host to look at this object again, though nothing about it has changed."""
    row = tx.get(Desired, kind, key, host)
    if row is not None:
        tx.change(row, revision=_bump(tx, host))
        tx.signal("desired", host)


def find(tx: Tx, host: str, kind: str, key: str) -> Desired | None:
    """The row of this object on this host."""
    return tx.get(Desired, kind, key, host)


def settled(tx: Tx, host: str, kind: str, key: str) -> Mapping[str, Any] | None:
    """The agent's report on the present spec; None while it has not answered for it."""
    row = find(tx, host, kind, key)
    return None if row is None else answer(row)


def answer(row: Desired) -> Mapping[str, Any] | None:
    """The same of a row that is at hand."""
    if row.observed < row.revision or row.state is None:
        return None
    state: Mapping[str, Any] = row.state
    return state


def newest(tx: Tx, host: str) -> int:
    """The revision of this host's last change; 0 when there was none yet."""
    counter = tx.get(HostRevision, host)
    return 0 if counter is None else counter.revision


def forget(tx: Tx, host: str) -> None:
    """Drop all that is wanted of a host that will never answer again."""
    for row in tx.all(Desired, host=host):
        tx.remove(row)
        flow.wake(tx, row.id)


def since(tx: Tx, host: str, revision: int, limit: int = MOST) -> list[Wanted]:
    """Objects of this host that changed after `revision`, oldest change first."""
    rows = tx.rows(Desired, _since(), host=host, revision=revision, limit=limit)
    return [Wanted(row.kind, row.id, row.revision, row.spec) for row in rows]


@cache
def _since() -> "sa.Select[Any]":
    table = Desired.table
    later = table.c.revision > sa.bindparam("revision")
    query = sa.select(table).where(table.c.host == sa.bindparam("host"), later)
    return query.order_by(table.c.revision).limit(sa.bindparam("limit", type_=sa.Integer()))


def accept(tx: Tx, host: str, report: Report) -> Desired | None:
    """Note an agent's report; the row it is about, or None when it is about nothing of this host.

    A report from the past, about an older revision than one already noted, changes nothing; nor
    does one from the future.
    """
    row = find(tx, host, report.kind, report.id)
    if row is None or strange(row, report):
        return None
    if row.observed == report.revision and row.state == report.state and report.state is not None:
        return None
    if report.state is None and row.spec is None and report.revision == row.revision:
        tx.remove(row)
        row.state = None
    else:
        state = None if report.state is None else dict(report.state)
        tx.change(row, observed=report.revision, state=state, reported_at=tx.now)
    flow.wake(tx, report.id)
    tx.signal("reported", host)
    return row


def strange(row: Desired | None, report: Report) -> str:
    """Why a report cannot be about this row; empty when it can."""
    if row is None:
        # What is gone is said to be gone again when the answer to the first report was lost.
        return "nothing like it is known of this host" if report.state is not None else ""
    if report.revision < row.observed:
        return f"revision {report.revision} is from the past: {row.observed} has been reported"
    if report.revision > row.revision:
        return f"revision {report.revision} is from the future: {row.revision} is the newest"
    return ""
