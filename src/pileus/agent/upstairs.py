"""What a joined host's drivers ask of the control plane: images' bytes, and guests' metadata."""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.backend import Broken, Busy, Refused
from ..hosts import messages
from ..hosts.frames import BadFrame, Closed
from ..hosts.timing import Timing
from .connection import Unreachable, connect, context
from .identity import Identity
from .image_cache import ImageCache
from .link import Link

_MEDIA = "text/plain"
_PIECE = 256 << 10


class Upstairs:
    """The door to the control plane, for drivers' threads: never for the event loop's own."""

    def __init__(self, identity: Identity, folder: Path, timing: Timing | None = None) -> None:
        """folder: where images that were fetched are kept. Several hosts may share it."""
        self._identity, self._images = identity, ImageCache(folder)
        self._timing = timing or Timing()
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None

    def bind(self, link: Link) -> None:
        """From now on this link is asked; called on its event loop."""
        self._link, self._loop = link, asyncio.get_running_loop()

    def path(self, image_id: str) -> tuple[Path, str]:
        """The file and format of an image, fetched the first time.

        Raises Refused when the control plane will not give it, Busy when it cannot be reached.
        """
        with self._lock:
            own = self._fetching.setdefault(image_id, threading.Lock())
        with own:
            found = self._images.find(image_id)
            if found is None:
                if self._loop is None:
                    raise Busy("The connection to the control plane is not open yet.")
                fetch = asyncio.run_coroutine_threadsafe(self._fetch(image_id), self._loop)
                found = fetch.result()
        return found, found.suffix[1:]

    async def _fetch(self, image_id: str) -> Path:
        part = self._images.part(image_id)
        try:
            frames = await connect(self._identity.server, context(self._identity), self._timing)
        except Unreachable as problem:
            raise Busy(f"Image {image_id} cannot be fetched: {problem}") from None
        try:
            frames.post(messages.GetImage(image_id))
            begin = await self._next(frames.receive())
            if not isinstance(begin, messages.ImageBegin) or not begin.format.isalnum():
                raise Busy(f"Image {image_id}: {type(begin).__name__} came instead of it.")
            left, digest = begin.size, hashlib.sha512()
            with part.open("wb") as file:
                while left > 0:
                    piece = await self._next(frames.receive())
                    if not isinstance(piece, messages.Chunk) or len(piece.body) > left:
                        raise Busy(f"Image {image_id}: something else came in the middle of it.")
                    digest.update(piece.body)
                    file.write(piece.body)
                    left -= len(piece.body)
            if begin.sha512 and digest.hexdigest() != begin.sha512:
                raise Refused(
                    f"The bytes of image {image_id} are not those that were uploaded: their SHA-512"
                    f" is {digest.hexdigest()[:16]}…, and should be {begin.sha512[:16]}…."
                )
            return self._images.keep(part, image_id, begin.format)
        except (Closed, BadFrame, TimeoutError) as problem:
            raise Busy(f"Image {image_id} did not come whole: {problem}") from None
        finally:
            frames.close("the image has come")
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    async def _next(self, message: Coroutine[Any, Any, messages.FromControl]) -> object:
        async with asyncio.timeout(self._timing.silence):
            found = await message
        if isinstance(found, messages.Refused):
            raise Refused(found.reason) if found.final else Broken(found.reason)
        return found

    def wants(self, image_id: str) -> bool:
        """Whether an image that this host was asked to make waits for its bytes.

        Raises Refused when it is gone, Busy.
        """
        return self._wait(self._put(image_id, None))

    def send(self, image_id: str, pieces: Iterable[bytes]) -> None:
        """Hand the image's bytes over. Raises Busy, Refused."""
        self._wait(self._put(image_id, iter(pieces)))

    def _wait(self, work: Coroutine[Any, Any, bool]) -> bool:
        if self._loop is None:
            work.close()
            raise Busy("The connection to the control plane is not open yet.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _put(self, image_id: str, pieces: Iterator[bytes] | None) -> bool:
        """Whether the bytes were wanted; then they are there. Without pieces it is only asked."""
        loop, whole = asyncio.get_running_loop(), hashlib.sha256()
        try:
            frames = await connect(self._identity.server, context(self._identity), self._timing)
        except Unreachable as problem:
            raise Busy(f"Image {image_id} cannot be sent: {problem}") from None
        try:
            frames.post(messages.PutImage(image_id, pieces is None))
            ready = await self._next(frames.receive())
            if not isinstance(ready, messages.PutReady):
                raise Busy(f"Image {image_id}: {type(ready).__name__} came instead of a word.")
            if not ready.wanted or pieces is None:
                return ready.wanted
            while piece := await loop.run_in_executor(None, next, pieces, b""):
                for at in range(0, len(piece), _PIECE):
                    part = piece[at : at + _PIECE]
                    whole.update(part)
                    await frames.send(messages.Chunk(part), self._timing.silence)
            await frames.send(messages.PutEnd(whole.hexdigest()))
            # The store reads what it was given to the end before it answers: that takes its time.
            done = await frames.receive()
            if isinstance(done, messages.Refused):
                raise Refused(done.reason) if done.final else Busy(done.reason)
            return True
        except (Closed, BadFrame, TimeoutError) as problem:
            raise Busy(f"Image {image_id} did not go through: {problem}") from None
        finally:
            frames.close("the image was sent")

    def metadata(
        self, network_id: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """The metadata service's answer to a guest of this host: status, content type, body."""
        if self._loop is None or self._link is None:
            return 503, _MEDIA, b"This host's agent is not connected yet.\n"
        asked = self._link.ask(network_id, caller, method, path, headers)
        try:
            found = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        except Unreachable as problem:
            return 503, _MEDIA, f"{problem}\n".encode()
        return found.status, found.media, found.body
