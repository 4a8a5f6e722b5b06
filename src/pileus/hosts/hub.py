"""All hosts that are connected to this process: what changed goes out, who is there is noted."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from ..core import desired
from ..core.db import Database, Tx, chunks
from ..core.desired import HostRevision, Wanted
from .frames import Closed
from .intake import Intake
from .messages import Changes, ConsoleLog, Reports
from .refusals import Refusals
from .rows import JoinedHost
from .session import Session
from .timing import Timing
from .upper import Upper

T = TypeVar("T")
log = logging.getLogger(__name__)
_AT_ONCE = 100  # hosts whose changes are read in one transaction
_OBJECTS = 200  # objects read for one host at a time
_FRAME = 1 << 20  # bytes of changes in one message, unless a single one is longer
_BRINGING = 4  # hosts that bring an image at a time
_POLLED = 1000  # hosts whose rows are read in a second, in search of what others have changed
_FEW = 500  # hosts that are asked for by name; beyond it the whole table is read


class Hub:
    """The sessions of one process. Methods are for the event loop's own thread, unless they say."""

    def __init__(
        self,
        db: Database,
        upper: Upper,
        pool: Executor,
        timing: Timing,
        refusals: Refusals,
    ) -> None:
        self.db, self.upper, self.timing = db, upper, timing
        self.refusals = refusals
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self.sessions: dict[str, Session] = {}
        self._dirty: dict[str, None] = {}
        self._work = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.bringing = asyncio.Semaphore(_BRINGING)
        self._intake = Intake(db, upper, self.do, refusals)

    async def do(self, call: Callable[..., T], *words: Any) -> T:
        """Call it in the bounded pool of threads."""
        return await self._loop.run_in_executor(self._pool, call, *words)

    async def read(self, work: Callable[[Tx], T]) -> T:
        """A transaction that reads."""
        return await self.do(self.db.read, work)

    async def write(self, work: Callable[[Tx], T], promise: bool = True) -> T:
        """A transaction that writes; `promise` as `Database.run` says."""
        return await self.do(self.db.run, work, True, promise)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside; its failure is logged, unless the connection has just ended."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        problem = None if task.cancelled() else task.exception()
        if problem is not None and not isinstance(problem, Closed):
            log.error("serving a host failed", exc_info=problem)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(
            self._intake.run(),
            self._feed(),
            self._every(self._poll_pause, self._poll),
            self._every(lambda: self.timing.seen, self._note_seen),
            self._every(lambda: self.timing.silence / 6, self._hear),
        )

    async def _every(
        self, pause: Callable[[], float], work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        while True:
            await asyncio.sleep(pause())
            try:
                await work()
            except Exception:
                log.exception("hosts: this round failed, the next one tries again")

    # Sessions come and go.

    def add(self, session: Session) -> None:
        """A session begins; an older one of the same host ends."""
        old = self.sessions.get(session.host)
        if old is not None and old.number > session.number:
            session.end("another session of this host has begun")
            return
        self.sessions[session.host] = session
        if old is not None:
            old.end("another session of this host has begun")

    def gone(self, session: Session) -> None:
        """A session has ended."""
        if self.sessions.get(session.host) is session:
            del self.sessions[session.host]
            log.info("host %s: session %d is over", session.host, session.number)

    def take(self, session: Session, reports: Reports) -> None:
        """Reports have come."""
        self._intake.put(session, reports)

    def removed(self, host: str) -> None:
        """The host was removed."""
        session = self.sessions.get(host)
        if session is not None:
            session.end(f"host {host!r} was removed", final=True)

    async def console(self, host: str, guest: str) -> ConsoleLog:
        """A guest's console log. Raises Closed, TimeoutError, KeyError when it is not connected."""
        return await self.sessions[host].console(guest)

    # What has changed goes out.

    def wake(self, host: str) -> None:
        """Something about this host has changed; without a name, about any host."""
        if host in self.sessions or not host:
            self._dirty |= dict.fromkeys([host] if host else self.sessions)
            self._work.set()

    async def _feed(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            found = [self.sessions[h] for h in self._dirty if h in self.sessions]
            self._dirty.clear()
            ready = [session for session in found if not session.sending]
            for session in found:
                if session.sending:
                    self._dirty[session.host] = None  # looked at again when it has been sent
            for batch in chunks(ready, _AT_ONCE):
                await self._read(batch)

    async def _read(self, sessions: list[Session]) -> None:
        asked = {s.host: s.sent for s in sessions}
        try:
            changes = await self.read(lambda tx: _changes(tx, asked))
        except Exception:
            log.exception("what changed for hosts cannot be read; trying again")
            for host in asked:
                self._loop.call_later(self.timing.poll, self.wake, host)
            return
        for session in sessions:
            newest, items = changes[session.host]
            if items or newest > session.sent:
                session.sending = True
                self.background(self._push(session, newest, items))

    async def _push(self, session: Session, newest: int, items: list[Wanted]) -> None:
        try:
            for frame in _framed(items):
                await session.send(Changes(frame))
                session.sent = frame[-1].revision
        except Exception as problem:
            # It calls again, and gets them again.
            session.drop(f"its changes could not be sent ({problem})")
            raise
        whole = len(items) < _OBJECTS
        if whole:
            session.sent = max(session.sent, newest)
        session.sending = False
        if not whole or session.host in self._dirty:
            self.wake(session.host)

    def _poll_pause(self) -> float:
        # Signals bring nearly all of it at once; so that many hosts cost no more, it may wait.
        return max(self.timing.poll, len(self.sessions) / _POLLED)

    async def _poll(self) -> None:
        """Find what other processes have done: newer sessions, removals, changes."""
        now = self.db.clock.now()
        for one in list(self.sessions.values()):
            if one.expires_at <= now:
                one.end(f"its certificate expired at {one.expires_at:%Y-%m-%d %H:%M} UTC")
        hosts = list(self.sessions)
        if not hosts:
            return
        standing = await self.read(lambda tx: _standing(tx, hosts))
        for host in hosts:
            session = self.sessions.get(host)
            if session is None:
                continue
            number, revision = standing.get(host, (None, 0))
            if number is None:
                self.removed(host)
            elif number > session.number:
                session.end("another session of this host has begun")
            elif revision > session.sent:
                self.wake(host)

    # Who is there.

    async def _note_seen(self) -> None:
        since = self._loop.time() - self.timing.seen * 2
        hosts = [host for host, session in self.sessions.items() if session.heard > since]
        for batch in chunks(hosts):
            await self.do(self._seen, batch)

    def _seen(self, hosts: list[str]) -> None:
        self.db.run(lambda tx: self.upper.seen(tx, hosts), promise=False)

    async def _hear(self) -> None:
        since = self._loop.time() - self.timing.silence
        for session in list(self.sessions.values()):
            if session.heard < since:
                session.drop(f"nothing was heard of it for {self.timing.silence:g} s")


def _changes(tx: Tx, asked: dict[str, int]) -> dict[str, tuple[int, list[Wanted]]]:
    found = {}
    for host, revision in asked.items():
        newest = desired.newest(tx, host)
        items = desired.since(tx, host, revision, _OBJECTS) if newest > revision else []
        found[host] = newest, [replace(one, spec=tx.vault.opened(one.spec)) for one in items]
    return found


def _framed(items: list[Wanted]) -> list[list[Wanted]]:
    """The items in order, in lists that fit into a message."""
    frames: list[list[Wanted]] = []
    room = 0
    for item in items:
        size = len(msgspec.msgpack.encode(item))
        if not frames or size > room:
            frames.append([])
            room = _FRAME
        frames[-1].append(item)
        room -= size
    return frames


def _standing(tx: Tx, hosts: list[str]) -> dict[str, tuple[int, int]]:
    """Of each host the number of its newest session and its newest revision."""
    query = sa.select(
        JoinedHost.host, JoinedHost.session, sa.func.coalesce(HostRevision.revision, 0)
    ).select_from(
        sa.outerjoin(JoinedHost.table, HostRevision.table, HostRevision.host == JoinedHost.host)
    )
    if len(hosts) <= _FEW:
        query = query.where(JoinedHost.host.in_(hosts))
    return {row[0]: (row[1], row[2]) for row in tx.execute(query)}
