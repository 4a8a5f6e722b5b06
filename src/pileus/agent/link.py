"""A joined host's agent: its one connection to the control plane, kept up whatever happens."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from ..core.clock import Clock
from ..core.desired import Report
from ..hosts import certificates
from ..hosts.frames import BadFrame, Closed, Frames
from ..hosts.messages import (
    CONSOLE_BYTES,
    PROTOCOL,
    Ack,
    Answer,
    Ask,
    Changes,
    Console,
    ConsoleLog,
    Facts,
    FromControl,
    Hello,
    Ping,
    Pong,
    Refused,
    Renew,
    Renewed,
    Reports,
    Strays,
    Welcome,
)
from ..hosts.refusal import Refusal
from ..hosts.timing import Timing
from .connection import Unreachable, connect, context
from .duty import Duty, Handler, Key
from .identity import Identity

log = logging.getLogger(__name__)
_TOGETHER = 100  # reports in one message
_HOUR = 3600.0
_STRAYS = 1000  # told of each kind


class Link:
    """One host's agent on an event loop. It never touches the database.

    What handlers do runs in the pool, which many links may share: a process can hold thousands.

    A host without its link is lost until somebody looks at it, and a driver may raise anything. So
    whatever it is, it is logged or told, and the link goes on: hence `except Exception`.
    """

    def __init__(
        self,
        identity: Identity,
        handlers: Mapping[str, Handler],
        facts: Callable[[], Mapping[str, Any]],
        console: Callable[[str], bytes],
        pool: Executor,
        clock: Clock,
        timing: Timing | None = None,
        resync: float = 30.0,
        gate: asyncio.Semaphore | None = None,
        follow: Callable[[str], None] | None = None,
    ) -> None:
        """resync: seconds between looks at the whole host.

        follow: called with the address of the network's database, whenever it is told.

        gate: how many of a process's links may be connecting at a time.
        """
        self.identity = identity
        self._facts, self._console, self._pool, self._clock = facts, console, pool, clock
        self._timing, self._resync = timing or Timing(), resync
        self._gate, self._follow = gate or asyncio.Semaphore(), follow
        self._loop = asyncio.get_running_loop()
        self._duty = Duty(handlers, pool, self._reported, self._later)
        self._instance = uuid.uuid4().hex
        self._session = self._revision = 0
        self._pending: dict[Key, Report] = {}
        self._told: dict[Key, Report] = {}
        self._news = asyncio.Event()
        self._acked: asyncio.Future[None] | None = None
        self._calls: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._frames: Frames[FromControl] | None = None
        self._next_key = ""
        self._known_facts: Mapping[str, Any] = {}
        self._known_strays: Mapping[str, list[str]] = {}
        self.connected = asyncio.Event()
        self.trouble = ""  # why there is no connection now

    async def run(self) -> None:
        """Until cancelled; guests are left as they are.

        Raises Refusal when the control plane will not have this host or this process again.
        """
        failures = 0
        try:
            while True:
                before = self._session
                try:
                    await self._converse()
                except (Unreachable, Closed, BadFrame) as problem:
                    self.trouble = str(problem)
                except Refusal as refusal:
                    self.trouble = refusal.reason
                    if refusal.final:
                        log.error("the control plane refuses this host: %s", refusal.reason)
                        raise
                except Exception as problem:
                    log.exception("host %s: the connection failed", self.identity.name)
                    self.trouble = str(problem)
                failures = 0 if self._session != before else failures + 1
                pause = self._timing.pause(failures)
                said = (self.identity.name, self.trouble, pause)
                log.warning("host %s: no connection (%s); next try in %.1f s", *said)
                await asyncio.sleep(pause)
        finally:
            self._duty.stop()

    @property
    def wire(self) -> int:
        """Bytes of messages on the present connection, both ways."""
        frames = self._frames
        return 0 if frames is None else frames.bytes_in + frames.bytes_out

    def hello(self, facts: Mapping[str, Any]) -> Hello:
        """The greeting."""
        return Hello(
            PROTOCOL,
            self.identity.id,
            self.identity.name,
            self._instance,
            self._session,
            self._revision,
            version("pileus"),
            facts,
        )

    async def _do(self, call: Callable[..., Any], *words: Any) -> Any:
        return await self._loop.run_in_executor(self._pool, call, *words)

    async def _converse(self) -> None:
        """One connection from beginning to end."""
        try:
            tls = await self._do(context, self.identity)
        except OSError as wrong:
            raise Unreachable(f"{self.identity.certificate}: {wrong}") from None
        facts = await self._do(self._facts)
        async with self._gate:
            frames = await connect(self.identity.server, tls, self._timing)
            try:
                answer = await self._greet(frames, facts)
            except BaseException:
                frames.close("the greeting failed")
                raise
        try:
            if isinstance(answer, Refused):
                raise Refusal(answer.reason, answer.final)
            if not isinstance(answer, Welcome):
                raise BadFrame(f"{type(answer).__name__} instead of a welcome")
            await self._session_of(frames, answer, facts)
        finally:
            self._frames = None
            self.connected.clear()
            frames.close("the conversation is over")

    async def _greet(self, frames: Frames[FromControl], facts: Mapping[str, Any]) -> FromControl:
        try:
            frames.post(self.hello(facts))
            async with asyncio.timeout(self._timing.call):
                return await frames.receive()
        except TimeoutError:
            raise Unreachable(f"{self.identity.server} says nothing") from None
        except Closed as closed:
            # In TLS 1.3 the caller's handshake is over before the other side has judged its
            # certificate, and what the other side says of it may be lost with the connection.
            ends = await self._do(self.identity.expires_at)
            why = "it does not accept this host's certificate, or it is just ending; its log says"
            if ends <= self._clock.now():
                why = f"this host's certificate expired at {ends:%Y-%m-%d %H:%M} UTC: join again"
            raise Unreachable(f"{self.identity.server} hung up before a word: {why}") from closed

    async def _session_of(
        self, frames: Frames[FromControl], welcome: Welcome, facts: Mapping[str, Any]
    ) -> None:
        if welcome.revision < self._revision:
            words = (self._revision, welcome.revision)
            log.warning("revision %d is not known there any more; again from %d", *words)
            self._duty.forget()
        self._session, self._revision = welcome.session, welcome.revision
        self._frames, self._known_facts, self.trouble = frames, facts, ""
        self._known_strays = {}
        if welcome.southbound and self._follow is not None:
            # The address at which the control plane was found is where its network is, too.
            await self._do(self._follow, f"ssl:{_peer(frames)}:{welcome.southbound}")
        self._told.clear()  # a control plane that was restored may not know it any more
        # Nor what was found of wishes that it has forgotten: that would keep newer news back.
        known = [
            (k, found) for k, found in self._pending.items() if found.revision <= self._revision
        ]
        self._pending = dict(known)
        self._acked = None
        self.connected.set()
        name = self.identity.name
        log.info("host %s: connected, session %d", name, self._session)
        tasks: list[Coroutine[Any, Any, None]] = [
            self._listen(frames),
            self._report(frames),
            self._stay(frames),
            self._look(frames),
            self._renew(frames),
        ]
        running = [self._loop.create_task(task) for task in tasks]
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _listen(self, frames: Frames[FromControl]) -> None:
        while True:
            message = await frames.receive()
            if isinstance(message, Changes):
                for wanted in message.items:
                    self._duty.take(wanted)
                    self._revision = max(self._revision, wanted.revision)
            elif isinstance(message, Ack):
                if self._acked is not None and not self._acked.done():
                    self._acked.set_result(None)
            elif isinstance(message, Answer):
                waiting = self._calls.pop(message.number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            elif isinstance(message, Console):
                asked = self._do(self._log_of, message)
                task = self._loop.create_task(asked)
                task.add_done_callback(lambda t: frames.post(t.result()) if frames.open else None)
            elif isinstance(message, Renewed):
                await self._do(self.identity.renewed, message.certificate, self._next_key)
                frames.close("the next connection shows the new certificate")
            elif isinstance(message, Ping):
                frames.post(Pong())
            elif isinstance(message, Refused):
                raise Refusal(message.reason, message.final)

    def _log_of(self, asked: Console) -> ConsoleLog:
        try:
            return ConsoleLog(asked.number, self._console(asked.guest)[-CONSOLE_BYTES:])
        except Exception as problem:
            log.exception("guest %s: its console log cannot be read", asked.guest)
            return ConsoleLog(asked.number, b"", str(problem))

    # Reports: only the newest of each object, and none that the control plane knows already.

    def _reported(self, report: Report) -> None:
        """What the pool's threads call."""
        self._call(self._put, report)

    def _call(self, call: Callable[..., object], *words: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *words)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._call(self._loop.call_later, seconds, call)

    def _put(self, report: Report) -> None:
        if report.state is None:
            self._no_stray(report)
        key = (report.kind, report.id)
        waiting, told = self._pending.get(key), self._told.get(key)
        if waiting is not None and waiting.revision > report.revision:
            return
        if waiting is None and told is not None and _nothing_new(told, report):
            return
        self._pending[key] = report
        self._news.set()

    def _no_stray(self, report: Report) -> None:
        """What was told as a stray before its removal was asked for has gone: say so at once."""
        known, frames = self._known_strays, self._frames
        if frames is not None and frames.open and report.id in known.get(report.kind, ()):
            left = [id for id in known[report.kind] if id != report.id]
            self._known_strays = {k: ids for k, ids in known.items() if k != report.kind} | (
                {report.kind: left} if left else {}
            )
            frames.post(Strays(dict(self._known_strays)))

    async def _report(self, frames: Frames[FromControl]) -> None:
        number = 0
        while True:
            if not self._pending:
                self._news.clear()
                await self._news.wait()
            number += 1
            batch = list(self._pending.items())[:_TOGETHER]
            self._acked = self._loop.create_future()
            await frames.send(Reports(number, [report for _, report in batch]))
            await self._acked
            for key, report in batch:
                if report.state is None:
                    self._told.pop(key, None)
                else:
                    self._told[key] = report
                if self._pending.get(key) is report:
                    del self._pending[key]

    # What happens now and then.

    async def _stay(self, frames: Frames[FromControl]) -> None:
        """Say that this host is there, and notice when the other side is not."""
        while True:
            await asyncio.sleep(self._timing.ping)
            silent = self._loop.time() - frames.heard
            if silent > self._timing.silence:
                frames.abort("silence")
                raise Unreachable(f"nothing was heard of it for {silent:.0f} s")
            frames.post(Ping())

    async def _look(self, frames: Frames[FromControl]) -> None:
        while True:
            try:
                found = await self._do(self._duty.look)
                strays = {kind: ids[:_STRAYS] for kind, ids in found.items() if ids}
                if strays != self._known_strays:
                    frames.post(Strays(strays))
                    self._known_strays = strays
                facts = await self._do(self._facts)
                if facts != self._known_facts:
                    frames.post(Facts(facts))
                    self._known_facts = facts
            except Closed:
                raise
            except Exception:
                log.exception("this host could not be looked at; trying again later")
            await asyncio.sleep(self._resync)

    async def _renew(self, frames: Frames[FromControl]) -> None:
        while True:
            ends = await self._do(self.identity.expires_at)
            if ends - self._clock.now() < certificates.RENEW_BEFORE:
                self._next_key = await self._do(certificates.new_key)
                request = certificates.request(self._next_key, self.identity.id)
                frames.post(Renew(request))
            await asyncio.sleep(_HOUR)

    # What the handlers' drivers ask.

    async def ask(
        self, network: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> Answer:
        """The metadata service's answer to a guest. Raises Unreachable."""
        frames = self._frames
        if frames is None:
            raise Unreachable("The control plane cannot be reached now.")
        self._number += 1
        number = self._number
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._calls[number] = waiting
        try:
            await frames.send(Ask(number, network, caller, method, path, headers))
            async with asyncio.timeout(self._timing.call):
                return await waiting
        except (Closed, TimeoutError) as problem:
            raise Unreachable(f"The control plane does not answer ({problem}).") from None
        finally:
            self._calls.pop(number, None)


def _peer(frames: Frames[FromControl]) -> str:
    address = str(frames.info("peername")[0])
    return f"[{address}]" if ":" in address else address


def _nothing_new(told: Report, report: Report) -> bool:
    return told.revision > report.revision or asdict(told) == asdict(report)
