"""Leases: which process may do a job that only one should do at a time."""

from datetime import datetime, timedelta

from .db import Database, Tx
from .resource import Resource, attr
from .types import Int, Text, When


class Lease(Resource):
    """A named lease. `term` grows with every change of owner, and fences the one before."""

    one, many = "lease", "leases"

    name = attr(Text(255), key=True)
    owner = attr(Text(64))
    term = attr(Int())
    expires_at = attr(When())


def take(db: Database, name: str, owner: str, seconds: float) -> int | None:
    """Take or renew the lease; its term, or None while another owner holds it."""

    def work(tx: Tx) -> int | None:
        until: datetime = tx.now + timedelta(seconds=seconds)
        held = tx.get(Lease, name)
        if held is None:
            tx.add(Lease(name=name, owner=owner, term=1, expires_at=until))
            return 1
        if held.owner != owner and held.expires_at > tx.now:
            return None
        term = held.term if held.owner == owner else held.term + 1
        changed = tx.set(
            Lease,
            Lease.name == name,
            Lease.term == held.term,
            owner=owner,
            term=term,
            expires_at=until,
        )
        return term if changed else None

    # Lost with the power it is taken again, or another process has it.
    return db.run(work, promise=False)


def release(db: Database, name: str, owner: str) -> None:
    """Let go of the lease, so that the next process need not wait until it expires."""
    db.run(lambda tx: tx.set(Lease, Lease.name == name, Lease.owner == owner, expires_at=tx.now))
