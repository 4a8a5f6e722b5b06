"""What another host's libvirtd may ask of this one's: to take over one guest, and nothing else.

Who may speak to a libvirtd rules its host. So the other one speaks to a gateway, which knows the
few calls of its wire protocol that make a migration, lets by only these, and puts in what this
host has decided: the guest's definition and name, where bytes come in, and how it is done.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import libvirt

from pileus.core.backend import Refused

# Standing still when it has come: this host's agent lets it run.
FLAGS = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PEER2PEER
    | libvirt.VIR_MIGRATE_NON_SHARED_INC
    | libvirt.VIR_MIGRATE_PAUSED
)
_REMOTE, _KEEPALIVE = 0x20008086, 0x6B656570  # programs of the protocol
_CALL = 0
_PREPARE, _FINISH = 303, 306  # with typed parameters
# Open, close, is there such a feature, ways to authenticate, tell when it closes, do not.
_HARMLESS = frozenset({1, 2, 60, 66, 360, 361})
_HEAD = struct.Struct(">IIIiII")  # program, version, procedure, type, serial, status
_LARGEST = 4 << 20
_STRING = 7
_SIZES = {1: 4, 2: 4, 3: 8, 4: 8, 5: 8, 6: 4}  # of the other types of parameters


class Gateway:
    """The way to the libvirtd at `libvirtd` for the migration of one guest."""

    def __init__(self, libvirtd: Path, name: str, xml: str, memory: str, disks: str) -> None:
        """memory, disks: URIs at which the guest's memory and disks are taken in."""
        self._libvirtd = libvirtd
        self._prepare = {
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: xml,
            libvirt.VIR_MIGRATE_PARAM_URI: memory,
            libvirt.VIR_MIGRATE_PARAM_DISKS_URI: disks,
        }
        self._finish = {libvirt.VIR_MIGRATE_PARAM_DEST_NAME: name}

    def open(self) -> socket.socket:
        """A connection through it. Raises OSError."""
        inner = socket.socket(socket.AF_UNIX)
        try:
            inner.connect(str(self._libvirtd))
        except OSError:
            inner.close()
            raise
        outer, ours = socket.socketpair()
        for work in (self._ask, self._answer):
            threading.Thread(target=work, args=(ours, inner), name="gateway", daemon=True).start()
        return outer

    def _ask(self, ours: socket.socket, inner: socket.socket) -> None:
        with suppress(OSError, Refused), ours.makefile("rb") as source:
            while head := source.read(4):
                size = int.from_bytes(head)
                if not 4 + _HEAD.size <= size <= _LARGEST:
                    break
                inner.sendall(self.passed(source.read(size - 4)))
        _end(ours, inner)

    def _answer(self, ours: socket.socket, inner: socket.socket) -> None:
        with suppress(OSError):
            while piece := inner.recv(65536):
                ours.sendall(piece)
        _end(ours, inner)

    def passed(self, message: bytes) -> bytes:
        """The message, without its length, as libvirtd may get it. Raises Refused."""
        if len(message) < _HEAD.size:
            raise Refused("A message was cut short.")
        program, _, procedure, kind, _, _ = _HEAD.unpack_from(message)
        body = message[_HEAD.size :]
        if program == _REMOTE and kind == _CALL:
            if procedure == _PREPARE:
                cookie = _Xdr(body).after_parameters()
                body = _parameters(self._prepare) + _opaque(cookie.opaque()) + _uint(FLAGS)
            elif procedure == _FINISH:
                cookie = _Xdr(body).after_parameters()
                given = cookie.opaque()
                cookie.uint()
                failed = _uint(int(bool(cookie.uint())))
                body = _parameters(self._finish) + _opaque(given) + _uint(FLAGS) + failed
            elif procedure not in _HARMLESS:
                raise Refused(f"Procedure {procedure} is no part of a migration.")
        elif program != _KEEPALIVE:
            raise Refused(f"A message of program {program:#x} and type {kind} is no call.")
        whole = message[: _HEAD.size] + body
        return (len(whole) + 4).to_bytes(4) + whole


class _Xdr:
    """Reads what a call says. Raises Refused at its end."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def _take(self, size: int) -> bytes:
        found = self._body[self._at : self._at + size]
        if len(found) != size:
            raise Refused("A call was cut short.")
        self._at += size
        return found

    def uint(self) -> int:
        return int.from_bytes(self._take(4))

    def opaque(self) -> bytes:
        size = self.uint()
        found = self._take(size)
        self._take(-size % 4)
        return found

    def after_parameters(self) -> "_Xdr":
        """Skip a list of typed parameters: what it says is decided here."""
        for _ in range(self.uint()):
            self.opaque()
            kind = self.uint()
            if kind == _STRING:
                self.opaque()
            elif kind in _SIZES:
                self._take(_SIZES[kind])
            else:
                raise Refused(f"{kind} is no type of a parameter.")
        return self


def _uint(number: int) -> bytes:
    return number.to_bytes(4)


def _opaque(data: bytes) -> bytes:
    return _uint(len(data)) + data + bytes(-len(data) % 4)


def _parameters(values: dict[str, str]) -> bytes:
    def pieces() -> Iterator[bytes]:
        yield _uint(len(values))
        for name, value in values.items():
            yield _opaque(name.encode()) + _uint(_STRING) + _opaque(value.encode())

    return b"".join(pieces())


def _end(*connections: socket.socket) -> None:
    for one in connections:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
