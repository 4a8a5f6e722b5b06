"""Disks on their way from host to host: the host that has them listens, the other one calls.

A host's certificate is for calling the control plane only, so the host that listens shows one of
its own making. The control plane tells the caller its fingerprint, and both a secret of the move:
each side so knows that the other is the one that the control plane means.

A guest that moves live is handed over by the drivers of the two hosts, and what they say to each
other passes through further connections of the same kind, which the caller makes when it is asked.
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

from ..compute.driver import Connect, DiskMoves, GoesOnHere, GuestSpec, HandOver, Landing
from ..core.backend import Broken, Busy, Refused
from ..core.clock import RealClock
from ..hosts.certificates import self_signed
from .stream import Road, end, pump

log = logging.getLogger(__name__)
_PIECE = 256 << 10
_LINE = 64 << 10
_SILENCE = 60.0  # seconds after which the other side is taken for dead
_BEAT = 5.0  # seconds after which a word is said though there is none to say
_CALLERS = 8  # at a time, beside those that a hand-over under way has asked for


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
        self._roads: dict[str, Road] = {}  # of guests that are being handed over
        self._door: _Door | None = None
        # Called when a guest has been handed over, before the other host hears of it.
        self.parted: Callable[[str], None] = lambda _: None

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
        """Give the guest's disks to nobody any more; who is at it is cut off.

        A hand-over that is under way has ended, either way, when this returns.
        """
        with self._lock:
            self._offers.pop(guest_id, None)
            road = self._roads.get(guest_id)
        if road is not None and self._hand_over is not None:
            road.cut()
            self._hand_over.call_back(guest_id)
            road.ended.wait()
        with self._lock:
            if not self._offers and self._door is not None:
                self._door.close()
                self._door = None

    def handed(self, guest_id: str, generation: int) -> bool:
        """Whether the guest goes on elsewhere, as far as this generation knows."""
        return self._hand_over is not None and self._hand_over.handed(guest_id, generation)

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
            self._fetch(spec, origin)
        except GoesOnHere:
            raise
        except Broken as problem:
            live = self._hand_over if origin.get("live") else None
            if live is not None and live.landed(spec.id, origin["move"]):
                # Not to be given up: it may be all that there is of the guest.
                raise Busy(f"Guest {spec.id} is here and waits for a word: {problem}") from problem
            raise

    def _fetch(self, spec: GuestSpec, origin: Mapping[str, Any]) -> None:
        try:
            with _called(origin) as secure, secure.makefile("rwb") as wire:
                _say(wire, {"guest": spec.id, "secret": origin["secret"]})
                told = _heard(wire)
                files = [(str(name), int(size)) for name, size in told["files"]]
                if origin.get("live"):
                    self._land(wire, spec, origin, files, str(told["definition"]))
                else:
                    wanted = [name for name, size in files if self._disks.wants(spec, name, size)]
                    self._disks.arrive(spec, origin["move"], _taken(wire, wanted))
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise Broken(
                f"The disks of guest {spec.id} did not come from {origin['address']}: {problem}"
            ) from problem

    def _land(
        self,
        wire: BufferedRWPair,
        spec: GuestSpec,
        origin: Mapping[str, Any],
        files: list[tuple[str, int]],
        definition: str,
    ) -> None:
        """Take over a guest that runs."""
        if self._hand_over is None:
            raise Refused("This host takes over no guest that runs.")

        def resume(landed: bool, connect: Connect) -> None:
            carried: list[socket.socket] = []
            _say(wire, {"resume": True, "landed": landed})
            try:
                while not (heard := _heard(wire)).get("stopped"):
                    if "call" in heard:
                        near = connect(str(heard["to"]))
                        carried.append(near)
                        words = {"guest": spec.id, "secret": origin["secret"]}
                        _carried(origin, words | {"call": int(heard["call"])}, near)
                    _say(wire, {"on": True})
            finally:
                end(carried)

        landing = Landing(
            origin["move"], files, definition, lambda names: _taken(wire, names), resume
        )
        self._hand_over.land(spec, landing)

    def _serve(self, caller: "_Caller") -> None:
        """One caller, from its greeting to its end."""
        wire = caller.wire
        asked = _heard(wire)
        guest_id, secret = str(asked["guest"]), str(asked["secret"])
        offer = self._granted(guest_id, secret)
        if offer is None:
            _say(wire, {"refused": f"The disks of guest {guest_id[:64]} are not for this caller."})
            return
        if "call" in asked:
            self._join(caller, guest_id, int(asked["call"]))
            return
        generation = offer[1]
        try:
            files = dict(self._disks.leaving(guest_id, generation is not None))
            told: dict[str, Any] = {"files": list(files.items())}
            if generation is not None and self._hand_over is not None:
                told["definition"] = self._hand_over.definition(guest_id)
            _say(wire, told)
            while line := wire.readline(_LINE):
                wish = json.loads(line)
                if wish.get("resume"):
                    self._let_go(caller, guest_id, secret, bool(wish.get("landed")))
                    continue
                name = str(wish["file"])
                if name not in files:
                    raise Refused(f"There is no file {name[:64]!r}.")
                with self._disks.read(guest_id, name) as pieces:
                    _send(wire, pieces, lambda: self._granted(guest_id, secret) is not None)
        except (Busy, Refused, Broken) as problem:
            _say(wire, {"refused": str(problem), "here": isinstance(problem, GoesOnHere)})

    def _let_go(self, caller: "_Caller", guest_id: str, secret: str, landed: bool) -> None:
        """Hand the guest over, and say so once it has stopped for good."""
        if self._hand_over is None:
            raise Refused(f"Guest {guest_id} is not offered while it runs.")
        driver, road = self._hand_over, Road()
        with self._lock:
            # Looked up again: from here on whoever withdraws the offer waits for the end of this.
            known = self._offers.get(guest_id)
            if known is None or known[0] != secret or known[1] is None:
                raise Busy("The offer was withdrawn.")
            if guest_id in self._roads:
                raise Busy(f"Guest {guest_id} is being handed over already.")
            self._roads[guest_id] = road
            generation = known[1]
        problems: list[Exception] = []

        def work() -> None:
            try:
                driver.hand_over(guest_id, generation, landed, road.carry)
                self.parted(guest_id)
            except Exception as problem:
                problems.append(problem)
            finally:
                with self._lock:
                    del self._roads[guest_id]
                road.close()

        worker = threading.Thread(target=work, name="hand-over", daemon=True)
        worker.start()
        try:
            caller.free()
            while not road.ended.is_set():
                call = road.asked(_BEAT)
                if not road.ended.is_set():
                    words = {"going": True} if call is None else {"call": call[0], "to": call[1]}
                    _say(caller.wire, words)
                    _heard(caller.wire)
        finally:
            if not road.ended.is_set():  # the other host is gone: the guest is not to go there
                road.cut()
                driver.call_back(guest_id)
            worker.join()
        if problems:
            raise problems[0]
        _say(caller.wire, {"stopped": True})

    def _join(self, caller: "_Caller", guest_id: str, number: int) -> None:
        """Give the caller a connection that it was asked to call for."""
        with self._lock:
            road = self._roads.get(guest_id)
        near = None if road is None else road.called(number)
        if near is None:
            _say(caller.wire, {"refused": "There is no such connection."})
            return
        caller.free()
        try:
            _say(caller.wire, {"go": True})
        except OSError:
            near.close()
            raise
        pump(caller.secure, near)

    def _granted(self, guest_id: str, secret: str) -> tuple[str, int | None] | None:
        with self._lock:
            known = self._offers.get(guest_id)
        right = known is not None and hmac.compare_digest(known[0].encode(), secret.encode())
        return known if right else None


class _Caller:
    """Another host that has called."""

    def __init__(
        self, secure: ssl.SSLSocket, wire: BufferedRWPair, room: threading.Semaphore
    ) -> None:
        self.secure, self.wire = secure, wire
        self._room: threading.Semaphore | None = room

    def free(self) -> None:
        """It is not counted any more."""
        room, self._room = self._room, None
        if room is not None:
            room.release()


class _Door:
    """A port with a thread for each caller."""

    def __init__(self, address: str, serve: Callable[[_Caller], None]) -> None:
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
        caller: _Caller | None = None
        try:
            taken.settimeout(_SILENCE)
            secure = self._tls.wrap_socket(taken, server_side=True)
            with secure, secure.makefile("rwb") as wire:
                caller = _Caller(secure, wire, self._room)
                self._serve(caller)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("giving disks to the host at %s ended: %s", peer, problem)
        finally:
            taken.close()
            if caller is None:
                self._room.release()
            else:
                caller.free()


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
def _called(origin: Mapping[str, Any]) -> Iterator[ssl.SSLSocket]:
    secure = _dialled(origin)
    with secure:
        yield secure


def _dialled(origin: Mapping[str, Any]) -> ssl.SSLSocket:
    """A connection to the host that has the disks, and to no other."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # the fingerprint says more
    host, _, port = origin["address"].rpartition(":")
    plain = socket.create_connection((host.strip("[]"), int(port)), _SILENCE)
    try:
        secure = tls.wrap_socket(plain)
        shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        if hmac.compare_digest(shown, origin["fingerprint"]):
            return secure
        secure.close()
    finally:
        plain.close()  # nothing, once TLS has taken it over
    raise Broken(f"At {origin['address']} is another than the host that has the disks.")


def _carried(origin: Mapping[str, Any], words: Mapping[str, Any], near: socket.socket) -> None:
    """Call for a connection of the other host, and join it to `near` in the background."""
    try:
        secure = _dialled(origin)
        secure.sendall(json.dumps(words).encode() + b"\n")
        line = b""
        # Byte by byte: what follows the line is not for us.
        while not line.endswith(b"\n") and len(line) < _PIECE and (byte := secure.recv(1)):
            line += byte
        if not json.loads(line).get("go"):
            secure.close()
            raise Broken(f"The other host does not give a connection: {line[:300]!r}")
    except BaseException:
        near.close()
        raise
    threading.Thread(target=pump, args=(secure, near), name="stream", daemon=True).start()


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
        kind = GoesOnHere if found.get("here") else Broken
        raise kind(f"The other host says: {found['refused']}")
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


def _taken(wire: BufferedRWPair, names: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    for name in names:
        _say(wire, {"file": name})
        yield name, _pieces(wire, name)


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
