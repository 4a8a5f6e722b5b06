"""Messages on a connection: each is four bytes of length (big-endian) and that many of MessagePack.

The same on both sides. A reader that is slow stops the sender: nothing is kept beyond a few frames.
"""

import asyncio
from collections import deque
from typing import Any, Generic, TypeVar, cast

import msgspec

M = TypeVar("M")
_HEAD = 4
_WAITING = 16  # frames that wait to be read, before the sender is stopped
_encode = msgspec.msgpack.Encoder().encode


class Closed(ConnectionError):
    """The connection has ended; the message says how."""


class BadFrame(Exception):
    """What came is no message; the message says what is wrong with it."""


class Frames(asyncio.Protocol, Generic[M]):
    """One connection. All methods are for the event loop's own thread."""

    def __init__(self, kind: Any, most: int) -> None:
        """kind: the messages that may come. most: bytes in one of them."""
        self.expect(kind, most)
        self._buffer = bytearray()
        self._frames: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writers: deque[asyncio.Future[None]] = deque()
        self._transport: asyncio.Transport | None = None
        self._ended: Exception | None = None
        self._stopped = self._full = False
        self.heard = asyncio.get_running_loop().time()
        self.bytes_in = self.bytes_out = 0

    def expect(self, kind: Any, most: int) -> None:
        """From now on these messages may come."""
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._most = most

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._transport is not None and self._ended is None

    def info(self, name: str) -> Any:
        """What asyncio knows of the connection, "peername" for instance."""
        return None if self._transport is None else self._transport.get_extra_info(name)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection, with its TLS, stands."""
        # uvloop's TLS transports have asyncio's methods without being of its class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self.heard = asyncio.get_running_loop().time()
        self.bytes_in += len(data)
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _HEAD:
            length = int.from_bytes(self._buffer[at : at + _HEAD], "big")
            if length > self._most:
                self._end(BadFrame(f"a message of {length} bytes; {self._most} are allowed"))
                return
            if len(self._buffer) - at - _HEAD < length:
                break
            self._frames.append(bytes(self._buffer[at + _HEAD : at + _HEAD + length]))
            at += _HEAD + length
        del self._buffer[:at]
        if len(self._frames) > _WAITING and not self._stopped and self._transport is not None:
            self._stopped = True
            self._transport.pause_reading()
        self._wake_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._end(Closed(str(exc) or type(exc).__name__) if exc else Closed("it was closed"))

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        self._full = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._full = False
        while self._writers:
            _finish(self._writers.popleft())

    # What the conversation calls.

    async def receive(self) -> M:
        """The next message. Raises Closed, BadFrame."""
        while not self._frames:
            if self._ended is not None:
                raise self._ended
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        frame = self._frames.popleft()
        if self._stopped and len(self._frames) <= _WAITING // 2 and self._transport is not None:
            self._stopped = False
            self._transport.resume_reading()
        try:
            return self._decoder.decode(frame)
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise BadFrame(f"{len(frame)} bytes that are no message ({wrong})") from None

    async def send(self, message: msgspec.Struct, seconds: float = 30.0) -> None:
        """Send one message. Raises Closed, also when the other side does not read for so long."""
        self.post(message)
        if not self._full:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._writers.append(waiting)
        try:
            await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            self.abort(f"the other side has not read for {seconds:g} s")
        if self._ended is not None:
            raise self._ended

    def post(self, message: msgspec.Struct) -> None:
        """Send one small message without waiting for room. Raises Closed."""
        if self._ended is not None:
            raise self._ended
        assert self._transport is not None  # noqa: S101
        body = _encode(message)
        self.bytes_out += len(body) + _HEAD
        self._transport.write(len(body).to_bytes(_HEAD, "big") + body)

    def close(self, why: str) -> None:
        """End the connection once what was sent has left."""
        self._end(Closed(why), abort=False)

    def abort(self, why: str) -> None:
        """End the connection at once."""
        self._end(Closed(why))

    def _end(self, why: Exception, abort: bool = True) -> None:
        if self._ended is None:
            self._ended = why
        if self._transport is not None:
            if abort:
                self._transport.abort()
            else:
                self._transport.close()
        self._wake_reader()
        self.resume_writing()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            _finish(self._reader)
            self._reader = None


def _finish(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
