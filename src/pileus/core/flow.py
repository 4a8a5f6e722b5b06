"""Flows: a change made real step by step, resumable after a crash and undone on failure.

    create = Flow("server.create", Step(plug, undo=unplug), Step(spawn, undo=destroy), Step(active))

A step is a function of a `Run`. Ordinary steps run inside the transaction that also records that
they are done, so they happen exactly once; what they ask of hosts and networks they write as
desired state. A step that must talk to a back end itself is declared `outside`: it is called with
no transaction open, may run twice, and may find its work done or half done.

What is stored of a flow is the name of its step, so code may change under a running flow; a
renamed step keeps its old name as an alias.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from .db import Database, Tx
from .ids import derived
from .parts import Parts
from .resource import Resource, attr, now
from .types import Int, Json, Text, When

# How long a step waits for what it has asked for, unless it says otherwise.
PATIENCE = timedelta(minutes=15)
LATE = 504  # the code of a fault that says: nobody answered in time


class FlowRow(Resource):
    """A running flow. It is born with its subject's change and goes when it is finished."""

    one, many = "flow", "flows"
    constraints = (sa.UniqueConstraint("subject"),)  # two flows never own one thing

    id = attr(Text(36), key=True)
    kind = attr(Text(64), index=True)
    subject = attr(Text(64))  # the one thing that this flow changes
    step = attr(Text(64))
    undoing = attr(Int(), default=0)
    args = attr(Json(), default=lambda _tx: {})
    fault = attr(Json(), null=True)
    tries = attr(Int(), default=0)
    term = attr(Int(), default=1)  # grows with every write: the compare in compare-and-set
    wake_at = attr(When(), default=now, index=True)
    lease_until = attr(When(), null=True)
    owner = attr(Text(64), null=True)  # the process with the lease
    request_id = attr(Text(64), default="")
    created_at = attr(When(), default=now)
    since = attr(When(), default=now, null=True)  # when its step began to be waited for


@dataclass(frozen=True)
class Wait:
    """Returned by a step that is not done: come back in `seconds`, or when woken.

    A step that waits for longer than `patience` has failed, and `awaited` begins the sentence that
    says why: "Host a has not turned the guest off". None waits for ever. Undoing always does: it
    asks `Run.late` itself when to leave what it has asked for to whoever may yet do it.
    """

    seconds: float
    awaited: str = "What was asked for has not come about"
    patience: timedelta | None = PATIENCE


class Failed(Exception):
    """Raised by a step whose work cannot be done: the flow turns round and undoes.

    `message` is for the resource's owner, `detail` for an admin.
    """

    def __init__(self, message: str, detail: str = "", code: int = 500) -> None:
        super().__init__(message)
        self.fault: dict[str, Any] = {"message": message, "details": detail, "code": code}


@dataclass
class Run:
    """What a step is given."""

    row: FlowRow
    parts: Parts
    db: Database
    _tx: Tx | None = None

    @property
    def tx(self) -> Tx:
        """The transaction of an ordinary step."""
        if self._tx is None:
            raise RuntimeError("BUG: a step outside transactions asked for one; use run.db.run")
        return self._tx

    @property
    def subject(self) -> str:
        """The id of the thing that the flow changes."""
        return self.row.subject

    @property
    def args(self) -> Mapping[str, Any]:
        """What the flow was started with."""
        args: Mapping[str, Any] = self.row.args
        return args

    @property
    def fault(self) -> Mapping[str, Any]:
        """Why the flow is being undone."""
        return self.row.fault or {}

    @property
    def unanswered(self) -> bool:
        """Whether the flow is being undone because nobody answered in time."""
        return self.fault.get("code") == LATE

    @property
    def late(self) -> bool:
        """Whether the present step, or its undoing, has been waited for longer than PATIENCE."""
        return waited(self.tx, self.row) > PATIENCE


Act = Callable[[Run], Wait | None]


@dataclass(frozen=True)
class Step:
    """One step: its deed, its undoing, and whether it talks to a back end itself."""

    do: Act
    undo: Act | None = None
    outside: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that is stored."""
        return self.do.__name__


@dataclass(frozen=True, init=False)
class Flow:
    """A named list of steps. `failed` runs, in a transaction, once everything is undone."""

    name: str
    steps: tuple[Step, ...]
    failed: Act | None = None
    index: Mapping[str, int] = field(default_factory=dict)

    def __init__(self, name: str, *steps: Step, failed: Act | None = None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "failed", failed)
        index = {n: i for i, s in enumerate(steps) for n in (s.name, *s.aliases)}
        object.__setattr__(self, "index", index)


def start(
    tx: Tx, flow: Flow, subject: str, request_id: str = "", *, after: float = 0.0, **args: Any
) -> FlowRow:
    """Begin a flow in the transaction that makes its change. The subject must have none.

    after: seconds until its first step, where the transaction has done itself what that step
        would ask for first; a wake-up ends the wait.
    """
    row = FlowRow(
        # Derived where the subject already has had one would repeat; each flow is its own.
        id=derived("flow", flow.name, subject, tx.now.isoformat()),
        kind=flow.name,
        subject=subject,
        step=flow.steps[0].name,
        args=args,
        request_id=request_id,
        wake_at=later(tx, after),
    )
    tx.add(row)
    if not after:
        tx.signal("flow", subject)
    return row


def turn(
    tx: Tx, flow: Flow, subject: str, request_id: str = "", *, after: float = 0.0, **args: Any
) -> FlowRow:
    """Begin a flow in place of whatever flow the subject has, as delete does."""
    tx.remove_where(FlowRow, subject=subject)
    return start(tx, flow, subject, request_id, after=after, **args)


def find(tx: Tx, subject: str) -> FlowRow | None:
    """The flow that is changing this thing, if any."""
    return tx.one(FlowRow, subject=subject)


def line(subject: str) -> str:
    """The line for the row of this subject's flow (see `Tx.line`)."""
    return f"flow/{subject}"


def wake(tx: Tx, subject: str) -> None:
    """Let the subject's flow look again now, if it has one and it waits."""
    tx.line("flow", subject, own=True)
    if tx.update(_waking(), {"key": subject, "now": tx.now}):
        tx.signal("flow", subject)


@cache
def _waking() -> sa.Update:
    table = FlowRow.table
    mine = table.c.subject == sa.bindparam("key")
    return sa.update(table).where(mine).values(wake_at=sa.bindparam("now"))


def waited(tx: Tx, row: FlowRow) -> timedelta:
    """How long the flow's present step has been waited for."""
    return tx.now - (row.since or row.created_at)


def later(tx: Tx, seconds: float) -> Any:
    """The time `seconds` from now."""
    return tx.now + timedelta(seconds=seconds)


def by_name(flows: Iterable[Flow]) -> dict[str, Flow]:
    """Flows by their names. Raises ValueError when two have the same."""
    found: dict[str, Flow] = {}
    for one in flows:
        if one.name in found:
            raise ValueError(f"BUG: two flows are named {one.name}")
        found[one.name] = one
    return found
