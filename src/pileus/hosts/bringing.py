"""A host brings the bytes of an image that it was asked to make."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import admission
from .frames import BadFrame, Closed, Frames
from .messages import Chunk, FromAgent, PutDone, PutEnd, PutImage, PutReady

if TYPE_CHECKING:
    from .hub import Hub


async def bring(hub: "Hub", frames: Frames[FromAgent], serial: str, asked: PutImage) -> None:
    """Take the image's bytes as they come: a few pieces are in memory at a time.

    Raises Closed, BadFrame, Refusal.
    """
    host = await hub.read(lambda tx: admission.holder(tx, serial)[0].host)
    if asked.only_ask:
        await frames.send(PutReady(await hub.do(hub.upper.wants_image, host, asked.image)))
        return
    async with hub.bringing:
        wanted = await hub.do(hub.upper.wants_image, host, asked.image)
        await frames.send(PutReady(wanted))
        if not wanted:
            return
        # Not in the hub's own pool: a long upload must not keep others from their work.
        pieces = _pieces(frames, asyncio.get_running_loop(), hub.timing.silence)
        await asyncio.to_thread(hub.upper.take_image, host, asked.image, pieces)
        await frames.send(PutDone())
    frames.close("the image is there")


def _pieces(
    frames: Frames[FromAgent], loop: asyncio.AbstractEventLoop, seconds: float
) -> Iterator[bytes]:
    """The bytes, for a thread. Raises Closed, BadFrame when they do not come whole."""

    async def following() -> FromAgent:
        try:
            async with asyncio.timeout(seconds):
                return await frames.receive()
        except TimeoutError:
            raise Closed("the host went silent in the middle of an image") from None

    whole = hashlib.sha256()
    while True:
        message = asyncio.run_coroutine_threadsafe(following(), loop).result()
        if isinstance(message, Chunk):
            whole.update(message.body)
            yield message.body
        elif isinstance(message, PutEnd):
            if message.sha256 != whole.hexdigest():
                raise BadFrame("an image whose hash is not that of its bytes")
            return
        else:
            raise BadFrame(f"{type(message).__name__} in the middle of an image")
