"""The door of the agent port: TLS, and who may say what before they are known."""

import asyncio
import logging
import os
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

from . import admission
from .authority import signer
from .certificates import Signer
from .frames import BadFrame, Closed, Frames
from .hub import Hub
from .messages import (
    MOST_STRANGER,
    MOST_UP,
    PROTOCOL,
    AskAuthority,
    Authority,
    FromAgent,
    FromStranger,
    Join,
    Joined,
    Refused,
)
from .refusal import Refusal
from .session import greet

log = logging.getLogger(__name__)
_SHAKING = 64  # handshakes at a time; others wait in line
_RENEWED = 24 * 3600.0


class Door:
    """Takes connections and hands each to whoever may speak with it."""

    def __init__(self, hub: Hub, listener: socket.socket, scratch: Path) -> None:
        self._hub, self._listener, self._scratch = hub, listener, scratch
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        # Who has no certificate may ask to join; who shows one that is not good gets no further.
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self._context.num_tickets = 0
        self._shaking = asyncio.Semaphore(_SHAKING)
        self._talks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        own = await self._hub.do(signer, self._hub.db)
        self._context.load_verify_locations(cadata=own.certificate)
        self._show(own)
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        try:
            while True:
                try:
                    taken, peer = await loop.sock_accept(self._listener)
                except OSError as problem:  # too many open files, for instance
                    log.warning("a host's connection cannot be taken: %s", problem)
                    await asyncio.sleep(1)
                    continue
                if loop.time() - renewed > _RENEWED:
                    self._show(own)
                    renewed = loop.time()
                talk = loop.create_task(self._talk(taken, f"{peer[0]}:{peer[1]}", own))
                self._talks.add(talk)
                talk.add_done_callback(self._talks.discard)
        finally:
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    def _show(self, own: Signer) -> None:
        """Show a fresh certificate from now on. Its key is in a file only while it is loaded."""
        signed, key = own.sign_control(self._hub.db.clock.now())
        self._scratch.mkdir(exist_ok=True, mode=0o700)
        for left in self._scratch.iterdir():  # by a process that was killed meanwhile
            left.unlink(missing_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._scratch, prefix="key-")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(signed.pem + key)
            self._context.load_cert_chain(name)
        finally:
            os.unlink(name)

    async def _talk(self, taken: socket.socket, peer: str, own: Signer) -> None:
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        frames = await self._shake(taken, peer)
        if frames is None:
            return
        certificate: dict[str, Any] = frames.info("ssl_object").getpeercert() or {}
        who = "a stranger"
        try:
            if certificate:
                who = f"the host with certificate {certificate['serialNumber']}"
                frames.expect(FromAgent, MOST_UP)
                serial = str(certificate["serialNumber"]).lstrip("0").upper()
                await greet(self._hub, frames, serial, peer)
            else:
                await self._stranger(frames, peer, own)
        except Refusal as refusal:
            log.warning("%s at %s is refused: %s", who, peer, refusal.reason)
            self._hub.refusals.note(f"{who} at {peer}", refusal.reason)
            await _say(frames, Refused(refusal.reason, refusal.final))
        except BadFrame as wrong:
            log.warning("%s at %s is cut off: it sent %s", who, peer, wrong)
            self._hub.refusals.note(f"{who} at {peer}", f"it sent {wrong}")
        except TimeoutError:
            log.warning("%s at %s is cut off: it said nothing", who, peer)
        except Closed as closed:
            log.info("%s at %s is gone: %s", who, peer, closed)
        except Exception:
            log.exception("%s at %s could not be served", who, peer)
            await _say(frames, Refused("The control plane could not do that now; see its log."))
        finally:
            frames.close("the conversation is over")

    async def _shake(self, taken: socket.socket, peer: str) -> Frames[Any] | None:
        loop = asyncio.get_running_loop()
        frames = Frames[Any](FromStranger, MOST_STRANGER)
        async with self._shaking:
            try:
                await loop.connect_accepted_socket(
                    lambda: frames,
                    taken,
                    ssl=self._context,
                    ssl_handshake_timeout=self._hub.timing.greeting,
                )
            except ConnectionError as problem:
                # Whoever only looks whether the port is open, as load balancers do, ends here too.
                log.info("one at %s hung up in the TLS handshake: %s", peer, said(problem))
                taken.close()
                return None
            except (OSError, TimeoutError) as problem:
                why = said(problem)
                log.warning("one at %s is refused in the TLS handshake: %s", peer, why)
                self._hub.refusals.note(f"one at {peer}", f"in the TLS handshake: {why}")
                taken.close()
                return None
        return frames

    async def _stranger(self, frames: Frames[FromStranger], peer: str, own: Signer) -> None:
        message = await asyncio.wait_for(frames.receive(), self._hub.timing.greeting)
        if isinstance(message, AskAuthority):
            await frames.send(Authority(own.certificate))
            return
        await frames.send(await self._join(message, peer))

    async def _join(self, message: Join, peer: str) -> Joined:
        if message.protocol != PROTOCOL:
            raise Refusal(
                f"The agent speaks protocol {message.protocol}, this control plane {PROTOCOL}."
            )
        upper = self._hub.upper
        signed = await self._hub.write(
            lambda tx: admission.join(tx, message, upper.reserved(tx, message.name))
        )
        log.info("host %s (%s) joins from %s", message.name, message.host_id, peer)
        return Joined(message.name, signed.pem)


def said(problem: BaseException) -> str:
    """What a failed handshake says, in a few words."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return str(problem.reason or problem).lower().replace("_", " ")
    return str(problem) or type(problem).__name__


async def _say(frames: Frames[Any], message: Refused) -> None:
    try:
        await frames.send(message, 5)
    except Closed:
        return
