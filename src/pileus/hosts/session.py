"""One agent's connection, from its greeting to its end."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.db import Tx
from ..core.errors import Fault
from . import admission
from .bringing import bring
from .frames import BadFrame, Closed, Frames
from .messages import (
    PROTOCOL,
    Ack,
    Answer,
    Ask,
    Changes,
    Chunk,
    Console,
    ConsoleLog,
    Facts,
    FromAgent,
    GetImage,
    Hello,
    ImageBegin,
    Leave,
    Left,
    Ping,
    Pong,
    PutImage,
    Refused,
    Renew,
    Renewed,
    Reports,
    Strays,
    Welcome,
)
from .rows import JoinedHost

if TYPE_CHECKING:
    from .hub import Hub

log = logging.getLogger(__name__)
_PIECE = 256 << 10
_UNWRITTEN = 4  # messages of reports that may wait to be written down; an agent sends one
_ASKING = 64  # guests' requests at a time
_BUSY = b"Too many requests at a time come from this host.\n"


class Session:
    """A host that has been let in. All methods are for the event loop's own thread."""

    def __init__(
        self, hub: "Hub", frames: Frames[FromAgent], entry: admission.Entry, serial: str
    ) -> None:
        self._hub, self._frames, self._serial = hub, frames, serial
        self.host, self.number = entry.host, entry.number
        self.sent = entry.revision  # changes up to here have been sent
        self.sending = False
        self.expires_at = entry.expires_at
        self._calls: dict[int, asyncio.Future[ConsoleLog]] = {}
        self._number = self._unwritten = self._asking = 0

    @property
    def heard(self) -> float:
        """When something last came, in the event loop's time."""
        return self._frames.heard

    def end(self, reason: str, final: bool = False) -> None:
        """Say why, and end."""
        if not self._frames.open:
            return
        log.warning("host %s: its session %d ends: %s", self.host, self.number, reason)
        try:
            self._frames.post(Refused(reason, final))
        except Closed:
            return
        self._frames.close(reason)

    def drop(self, reason: str) -> None:
        """End without a word: nobody seems to listen."""
        log.warning("host %s: its session %d ends: %s", self.host, self.number, reason)
        self._frames.abort(reason)

    async def send(self, changes: Changes) -> None:
        """Send changes. Raises Closed."""
        await self._frames.send(changes, self._hub.timing.silence)

    async def converse(self) -> None:
        """Answer what comes until the connection ends. Raises Closed, BadFrame, Refusal."""
        while True:
            message = await self._frames.receive()
            if isinstance(message, Ping):
                await self._frames.send(Pong(), self._hub.timing.silence)
            elif isinstance(message, Reports):
                self._unwritten += 1
                if self._unwritten > _UNWRITTEN:
                    raise BadFrame("more reports before earlier ones were acknowledged")
                self._hub.take(self, message)
            elif isinstance(message, Ask):
                if self._asking < _ASKING:
                    self._asking += 1
                    self._hub.background(self._ask(message))
                else:
                    await self._frames.send(Answer(message.number, 503, "text/plain", _BUSY))
            elif isinstance(message, ConsoleLog):
                waiting = self._calls.pop(message.number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            elif isinstance(message, Facts):
                await self._register(message.facts)
            elif isinstance(message, Strays):
                await self._stray(message.ids)
            elif isinstance(message, Renew):
                await self._renew(message)
            elif not isinstance(message, Pong):
                raise BadFrame(f"{type(message).__name__} in the middle of a session")

    def written(self, number: int) -> None:
        """Reports have been written down."""
        self._unwritten -= 1
        if self._frames.open:
            self._frames.post(Ack(number))

    async def _register(self, facts: Mapping[str, Any]) -> None:
        def work(tx: Tx) -> None:
            admission.check(tx, self.host, self.number)
            self._hub.upper.register(tx, self.host, facts)

        await self._hub.write(work, promise=False)

    async def _stray(self, ids: dict[str, list[str]]) -> None:
        def work(tx: Tx) -> list[str]:
            admission.check(tx, self.host, self.number)
            tx.set(JoinedHost, JoinedHost.host == self.host, strays=ids)
            return [
                f"{kind} {id}" for kind in ids for _, id in admission.strays(tx, kind, self.host)
            ]

        # An agent that has just started does not know all yet that is wished for.
        found = await self._hub.write(work, promise=False)
        if found:
            words = (self.host, ", ".join(found)[:500])
            log.warning("host %s has what was never asked of it: %s", *words)

    async def _renew(self, message: Renew) -> None:
        signed = await self._hub.write(
            lambda tx: admission.renew(tx, self._serial, message.request)
        )
        log.info("host %s: certificate renewed until %s", self.host, signed.expires_at)
        await self._frames.send(Renewed(signed.pem))

    async def _ask(self, ask: Ask) -> None:
        words = (ask.network, ask.caller, ask.method, ask.path, ask.headers)
        try:
            status, media, body = await self._hub.do(self._hub.upper.metadata, self.host, *words)
        except Fault as fault:
            status, media, body = fault.status, "text/plain", f"{fault.message}\n".encode()
        finally:
            self._asking -= 1
        await self._frames.send(Answer(ask.number, status, media, body))

    async def console(self, guest: str) -> ConsoleLog:
        """A guest's console log. Raises Closed, TimeoutError."""
        self._number += 1
        number = self._number
        waiting = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            await self._frames.send(Console(number, guest))
            return await asyncio.wait_for(waiting, self._hub.timing.call)
        finally:
            self._calls.pop(number, None)


async def greet(hub: "Hub", frames: Frames[FromAgent], serial: str, peer: str) -> None:
    """Take the first message of one with a certificate, and what follows from it.

    Raises Closed, BadFrame, Refusal.
    """
    first = await asyncio.wait_for(frames.receive(), hub.timing.greeting)
    if isinstance(first, GetImage):
        await _image(hub, frames, serial, first.image)
        return
    if isinstance(first, PutImage):
        await bring(hub, frames, serial, first)
        return
    if isinstance(first, Leave):
        await _leave(hub, frames, serial)
        return
    if isinstance(first, Hello):
        await _session(hub, frames, serial, peer, first)
        return
    raise BadFrame(f"{type(first).__name__} instead of a greeting")


async def _session(
    hub: "Hub", frames: Frames[FromAgent], serial: str, peer: str, hello: Hello
) -> None:
    def work(tx: Tx) -> admission.Entry:
        entry = admission.begin(tx, serial, hello, peer)
        hub.upper.register(tx, entry.host, hello.facts)
        return entry

    # Lost with the power, so are the connections, and every host says it again.
    entry = await hub.write(work, promise=False)
    session = Session(hub, frames, entry, serial)
    words = (session.host, peer, session.number, session.sent)
    log.info("host %s connects from %s: session %d, from revision %d", *words)
    hub.add(session)
    try:
        await frames.send(Welcome(PROTOCOL, session.number, session.sent, hub.upper.southbound))
        hub.wake(session.host)
        await session.converse()
    finally:
        hub.gone(session)


async def _leave(hub: "Hub", frames: Frames[FromAgent], serial: str) -> None:
    def work(tx: Tx) -> str:
        host = admission.holder(tx, serial)[0].host
        hub.upper.leave(tx, host)
        return host

    log.info("host %s has left", await hub.write(work))
    await frames.send(Left())
    frames.close("the host has left")


async def _image(hub: "Hub", frames: Frames[FromAgent], serial: str, image: str) -> None:
    host = await hub.read(lambda tx: admission.holder(tx, serial)[0].host)
    path, form, digest = await hub.do(hub.upper.image, host, image)
    with path.open("rb") as file:
        size = path.stat().st_size
        await frames.send(ImageBegin(form, size, digest))
        while size > 0:
            piece = await hub.do(file.read, min(_PIECE, size))
            if not piece:
                raise Closed(f"image {image} has become shorter meanwhile")
            size -= len(piece)
            await frames.send(Chunk(piece))
    frames.close("the image has been sent")
