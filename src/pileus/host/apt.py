"""Running apt so that it leaves the machine whole: no service started, nothing half installed."""

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pileus.host.place import HostError

_POLICY = Path("/usr/sbin/policy-rc.d")
_MARK = "# Made by pileus for the length of one installation"
_DPKG = Path("/var/lib/dpkg")
_WHOLE = frozenset(("installed", "config-files", "not-installed"))
_ENV = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def states(*names: str) -> dict[str, str]:
    """Package → dpkg's word for its state, of `names` (all that dpkg knows, when none is named).

    Raises HostError where there is no dpkg.
    """
    try:
        answer = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
            check=False,  # it fails when one of the names is unknown, and still tells of the others
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise HostError("this machine has no dpkg: real clouds need Debian 12") from error
    lines = (line.partition(" ") for line in answer.stdout.splitlines())
    return {name: state for state, _, name in lines}


def plan(*words: str) -> str:
    """What apt-get would do, a line for each package. Raises HostError."""
    return _run(("apt-get", "-q", "-y", "--simulate", *words))


class Apt:
    """apt-get, for one user at a time on this machine. Made by `alone`."""

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def run(self, *words: str) -> None:
        """Run apt-get. Raises HostError with the end of what it said."""
        _run(("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", *words), self._lock)

    def mend(self) -> bool:
        """Finish an installation that was broken off, of whomever; true where there was one."""
        if not _broken():
            return False
        with contextlib.suppress(HostError):  # what it cannot configure yet, apt completes
            _run(("dpkg", "--configure", "-a"), self._lock)
        if _broken():
            self.run("--fix-broken", "--no-install-recommends", "install")
        return True


@contextlib.contextmanager
def alone() -> Iterator[Apt]:
    """apt, while no other cloud of this machine uses it, and while packages start no services.

    An apt that outlived its starter is waited for.
    """
    with _locked() as lock, _no_services():
        yield Apt(lock)


def forget_policy() -> None:
    """Take away what an installation left that was killed, unless one is at work now."""
    if not _is_ours():
        return
    with contextlib.suppress(BlockingIOError), _locked(fcntl.LOCK_NB):
        _put_back()


@contextlib.contextmanager
def _locked(how: int = 0) -> Iterator[int]:
    # The folder itself is locked: no file to leave behind, and dpkg's own locks are others.
    lock = os.open(_DPKG, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | how)
        yield lock
    finally:
        os.close(lock)


def _broken() -> bool:
    return any((_DPKG / "updates").iterdir()) or not _WHOLE.issuperset(states().values())


def _run(command: tuple[str, ...], lock: int | None = None) -> str:
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **_ENV},
        # Ctrl-C and a closed terminal are for us alone: dpkg killed at its work leaves packages
        # half configured. And what we leave behind keeps the lock until it is done.
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
    ) as running:
        try:
            said, _ = running.communicate()
        except KeyboardInterrupt:
            # apt itself breaks off a download at once, and dpkg's work where that is safe.
            running.send_signal(signal.SIGINT)
            running.communicate()
            raise
    if running.returncode:
        tail = "\n".join(said.splitlines()[-15:])
        raise HostError(f"{' '.join(command)} failed ({running.returncode}):\n{tail}")
    return said


def _is_ours() -> bool:
    return _POLICY.exists() and _MARK in _POLICY.read_text(errors="replace")


def _put_back() -> None:
    kept = _POLICY.with_name("policy-rc.d.before-pileus")
    _POLICY.unlink(missing_ok=True)
    if kept.exists():
        shutil.move(kept, _POLICY)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting their services, by the means that Debian's policy provides.

    Where the administrator has a policy already, theirs is kept and put back afterwards.
    """
    if _POLICY.exists() and not _is_ours():
        shutil.move(_POLICY, _POLICY.with_name("policy-rc.d.before-pileus"))
    try:
        _POLICY.write_text(f"#!/bin/sh\n{_MARK}.\nexit 101\n")
        _POLICY.chmod(_POLICY.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        yield
    finally:
        _put_back()
