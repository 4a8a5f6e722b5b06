"""The connection to libvirt: opened when needed, opened again when lost, errors in our words."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

import libvirt

from pileus.core.backend import Broken, Busy, Refused

_log = logging.getLogger(__name__)
_LOST = frozenset(
    {
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_AUTH_FAILED,
    }
)
_LOST_IN = frozenset({libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE})
_BUSY = frozenset(
    {
        libvirt.VIR_ERR_OPERATION_TIMEOUT,
        libvirt.VIR_ERR_OPERATION_ABORTED,
        libvirt.VIR_ERR_RESOURCE_BUSY,
        libvirt.VIR_ERR_OPERATION_INVALID,  # the guest changed its state under us
        libvirt.VIR_ERR_NO_DOMAIN,  # so it did here
        libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
        libvirt.VIR_ERR_DEVICE_MISSING,
    }
)
_REFUSED = frozenset(
    {
        libvirt.VIR_ERR_XML_ERROR,
        libvirt.VIR_ERR_XML_DETAIL,
        libvirt.VIR_ERR_XML_INVALID_SCHEMA,
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_INVALID_DOMAIN,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        libvirt.VIR_ERR_DOM_EXIST,
        libvirt.VIR_ERR_NO_SUPPORT,
    }
)


class Connection:
    """One connection to the libvirtd at `uri`, shared by all threads.

    A libvirtd that answered once and is gone has `patience` seconds to come back: it may be
    starting again, and its guests do not need it to run.
    """

    def __init__(self, uri: str, patience: float = 30) -> None:
        self.uri = uri
        self._patience = patience
        self._answered: float | None = None  # when it last did
        self._lock = Lock()
        self._open: Any = None
        # Without a handler the library prints every error to stderr, expected ones too.
        libvirt.registerErrorHandler(_ignore, None)

    def get(self) -> Any:
        """The open connection.

        Raises Busy while libvirtd may be starting again, Broken when it does not answer.
        """
        with self._lock:
            if self._open is None or not self._alive(self._open):
                self._open = self._dial()
            self._answered = time.monotonic()
            return self._open

    def _dial(self) -> Any:
        try:
            return libvirt.open(self.uri)
        except libvirt.libvirtError as error:
            self._open = None
            message = f"libvirtd does not answer at {self.uri}: {error.get_error_message()}."
            if self._answered and time.monotonic() - self._answered < self._patience:
                raise Busy(f"{message} It may be starting again.") from error
            raise Broken(f"{message} Start it again; `pileus doctor` names the command.") from error

    @staticmethod
    def _alive(connection: Any) -> bool:
        try:
            # Asked for over the wire: isAlive() of a crashed libvirtd's connection is still true.
            return bool(connection.getLibVersion())
        except libvirt.libvirtError:
            return False

    def lookup(self, guest_id: str) -> Any | None:
        """The domain with this uuid, or None."""
        with said_plainly("look for the guest"):
            try:
                return self.get().lookupByUUIDString(guest_id)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return None
                raise


@contextmanager
def said_plainly(doing: str) -> Iterator[None]:
    """Turn libvirt's errors into Busy, Refused or Broken; `doing` follows "cannot"."""
    try:
        yield
    except libvirt.libvirtError as error:
        code = error.get_error_code()
        message = f"libvirt cannot {doing}: {error.get_error_message() or error}"
        if code in _LOST or error.get_error_domain() in _LOST_IN:
            raise Busy(f"{message}: the connection to libvirtd was lost") from error
        if code in _BUSY:
            raise Busy(message) from error
        if code in _REFUSED:
            raise Refused(message) from error
        raise Broken(message) from error


def _ignore(context: object, error: object) -> None:
    """Every error is raised as well: there is nothing left to print."""


def look_at_emulators(uri: str) -> Thread:
    """Let libvirt find out, in a thread, what its emulators can do.

    Else it would do so when the first guest is made, which takes seconds. libvirt keeps what it
    found, for as long as the emulators stay the same.
    """

    def look() -> None:
        try:
            libvirt.open(uri).getCapabilities()
        except libvirt.libvirtError as error:
            _log.info("libvirt cannot describe its emulators yet: %s", error)

    thread = Thread(target=look, name="emulators", daemon=True)
    thread.start()
    return thread
