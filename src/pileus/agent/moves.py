"""Disks on their way from host to host: the host that has them listens, the other one calls.

A host's certificate is for calling the control plane only, so the host that listens shows one of
its own making. The control plane tells the caller its fingerprint, and both a secret of the move:
each side so knows that the other is the one that the control plane means.
"""

import hashlib
import hmac
import json
import logging
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedRWPair
from typing import Any

from ..compute.driver import DiskMoves, GuestSpec, HandOver
from ..core.backend import Broken, Busy, Refused
from ..core.clock import RealClock
from ..hosts.certificates import self_signed

log = logging.getLogger(__name__)
_PIECE = 256 << 10
_LINE = 64 << 10
_SILENCE = 60.0  # seconds after which the other side is taken for dead
_CALLERS = 8  # at a time


class Moves:
    """What this host offers to others, and how it fetches what they offer."""

    def __init__(
        self, disks: DiskMoves, address: Callable[[], str], hand_over: HandOver | None = None
    ) -> None:
        """address: where other hosts reach this one; asked when something is first offered.

        hand_over: of a driver that can let a running guest go on elsewhere.
        """
        self._disks, self._address, self._hand_over = disks, address, hand_over
        self._lock = threading.Lock()
        self._offers: dict[str, tuple[str, int | None]] = {}  # guest → secret, generation if live
        self._door: _Door | None = None

    def offer(self, guest_id: str, secret: str, live: int | None = None) -> dict[str, str]:
        """Give the guest's disks to whoever shows this secret; where, and by which certificate.

        live: the guest of this generation may run, and is stopped when it goes on elsewhere.
        Raises Refused when the guest is not off, Broken when nothing can be listened on.
        """
        self._disks.leaving(guest_id, live is not None)
        with self._lock:
            if self._door is None:
                self._door = _Door(self._address(), self._serve)
            self._offers[guest_id] = secret, live
            return self._door.told

    def offered(self, guest_id: str) -> dict[str, str] | None:
        """What `offer` told of this guest; None when it is not offered."""
        with self._lock:
            known = guest_id in self._offers and self._door is not None
            return self._door.told if known and self._door is not None else None

    def withdraw(self, guest_id: str) -> None:
        """Give the guest's disks to nobody any more; who is at it is cut off."""
        with self._lock:
            self._offers.pop(guest_id, None)
            if not self._offers and self._door is not None:
                self._door.close()
                self._door = None

    def close(self) -> None:
        """Offer nothing any more."""
        for guest_id in list(self._offers):
            self.withdraw(guest_id)

    def fetch(self, spec: GuestSpec, origin: Mapping[str, Any]) -> None:
        """Take over the guest's disks from the host that offers them, unless they are here.

        Raises Busy, Refused, Broken. Nothing of a try that fails is kept.
        """
        if self._disks.arrived(spec.id, origin["move"]):
            return
        try:
            with _called(origin) as wire:
                _say(wire, {"guest": spec.id, "secret": origin["secret"]})
                files = [(str(name), int(size)) for name, size in _heard(wire)["files"]]
                wanted = [f for f in files if self._disks.wants(spec, *f)]
                taken = _taken(wire, wanted, bool(origin.get("live")))
                self._disks.arrive(spec, origin["move"], taken)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise Broken(
                f"The disks of guest {spec.id} did not come from {origin['address']}: {problem}"
            ) from problem

    def _serve(self, wire: BufferedRWPair) -> None:
        """One caller, from its greeting to its end."""
        asked = _heard(wire)
        guest_id, secret = str(asked["guest"]), str(asked["secret"])
        offer = self._granted(guest_id, secret)
        if offer is None:
            _say(wire, {"refused": f"The disks of guest {guest_id[:64]} are not for this caller."})
            return
        try:
            files = dict(self._disks.leaving(guest_id, offer[1] is not None))
            _say(wire, {"files": list(files.items())})
            while line := wire.readline(_LINE):
                wish = json.loads(line)
                if wish.get("resume"):
                    self._let_go(guest_id, offer[1])
                    _say(wire, {"stopped": True})
                    continue
                name = str(wish["file"])
                if name not in files:
                    raise Refused(f"There is no file {name[:64]!r}.")
                with self._disks.read(guest_id, name) as pieces:
                    _send(wire, pieces, lambda: self._granted(guest_id, secret) is not None)
        except (Busy, Refused, Broken) as problem:
            _say(wire, {"refused": str(problem)})

    def _let_go(self, guest_id: str, generation: int | None) -> None:
        if generation is None or self._hand_over is None:
            raise Refused(f"Guest {guest_id} is not offered while it runs.")
        self._hand_over.hand_over(guest_id, generation)

    def _granted(self, guest_id: str, secret: str) -> tuple[str, int | None] | None:
        with self._lock:
            known = self._offers.get(guest_id)
        right = known is not None and hmac.compare_digest(known[0].encode(), secret.encode())
        return known if right else None


class _Door:
    """A port with a thread for each caller."""

    def __init__(self, address: str, serve: Callable[[BufferedRWPair], None]) -> None:
        pem, key, print_ = self_signed(RealClock().now())
        self._tls = _shown(pem + key)
        self._serve = serve
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._listener = socket.create_server((address, 0), family=family)
        except OSError as problem:
            raise Broken(f"Disks cannot be offered at {address}: {problem}") from problem
        self._room = threading.Semaphore(_CALLERS)
        host = f"[{address}]" if ":" in address else address
        port = self._listener.getsockname()[1]
        self.told = {"address": f"{host}:{port}", "fingerprint": print_}
        threading.Thread(target=self._accept, name="disks", daemon=True).start()

    def close(self) -> None:
        """Take no more callers."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                taken, peer = self._listener.accept()
            except OSError:
                return  # closed
            self._room.acquire()
            threading.Thread(target=self._talk, args=(taken, peer[0]), daemon=True).start()

    def _talk(self, taken: socket.socket, peer: str) -> None:
        try:
            taken.settimeout(_SILENCE)
            secure = self._tls.wrap_socket(taken, server_side=True)
            with secure, secure.makefile("rwb") as wire:
                self._serve(wire)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("giving disks to the host at %s ended: %s", peer, problem)
        finally:
            taken.close()
            self._room.release()


def _shown(pem: str) -> ssl.SSLContext:
    """TLS that shows this certificate, whose key is in a file only while it is loaded."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    descriptor, name = tempfile.mkstemp(prefix="key-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)
        made.load_cert_chain(name)
    finally:
        os.unlink(name)
    return made


@contextmanager
def _called(origin: Mapping[str, Any]) -> Iterator[BufferedRWPair]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # the fingerprint says more
    host, _, port = origin["address"].rpartition(":")
    plain = socket.create_connection((host.strip("[]"), int(port)), _SILENCE)
    with plain, tls.wrap_socket(plain) as secure:
        shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, origin["fingerprint"]):
            raise Broken(f"At {origin['address']} is another than the host that has the disks.")
        with secure.makefile("rwb") as wire:
            yield wire


def _say(wire: BufferedRWPair, message: Mapping[str, Any]) -> None:
    wire.write(json.dumps(message).encode() + b"\n")
    wire.flush()


def _heard(wire: BufferedRWPair) -> dict[str, Any]:
    line = wire.readline(_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("the other side hung up")
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("the other side does not speak as agreed")
    if "refused" in found:
        raise Broken(f"The other host says: {found['refused']}")
    return found


def _send(wire: BufferedRWPair, pieces: Iterable[bytes], granted: Callable[[], bool]) -> None:
    """Pieces, each after its length; a length of 0 and the hash of all end them."""
    whole = hashlib.sha256()
    for piece in pieces:
        for at in range(0, len(piece), _PIECE):
            part = piece[at : at + _PIECE]
            if not granted():
                raise Busy("The offer was withdrawn.")
            whole.update(part)
            wire.write(len(part).to_bytes(4) + part)
    wire.write(bytes(4))
    _say(wire, {"sha256": whole.hexdigest()})


def _taken(
    wire: BufferedRWPair, files: Iterable[tuple[str, int]], live: bool
) -> Iterator[tuple[str, Iterator[bytes]]]:
    for name, _ in files:
        _say(wire, {"file": name})
        yield name, _pieces(wire, name)
    if live:
        # Only once the other host has said that its guest is stopped are the disks taken over.
        _say(wire, {"resume": True})
        if not _heard(wire).get("stopped"):
            raise ValueError("the other host does not say that its guest is stopped")


def _pieces(wire: BufferedRWPair, name: str) -> Iterator[bytes]:
    whole = hashlib.sha256()
    while size := int.from_bytes(_exactly(wire, 4)):
        if size > _PIECE:
            raise ValueError(f"a piece of {name} is too large, or the other side gave up")
        piece = _exactly(wire, size)
        whole.update(piece)
        yield piece
    if _heard(wire)["sha256"] != whole.hexdigest():
        raise ValueError(f"what came of {name} is not what was sent")


def _exactly(wire: BufferedRWPair, size: int) -> bytes:
    found = wire.read(size)
    if len(found) != size:
        raise ValueError("the other side hung up")
    return found
