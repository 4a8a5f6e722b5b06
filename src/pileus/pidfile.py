"""Which process is the cloud of a state directory; never two."""

import fcntl
import os
import uuid
from pathlib import Path
from typing import IO

_PID = "pileus.pid"
_LOCK = "serve.lock"
_NAME = "process.id"


class Taken(Exception):
    """Another process serves this state directory already."""


def running(state: Path) -> int | None:
    """The process id of the cloud in `state`, if it runs."""
    try:
        pid, started, boot = (state / _PID).read_text().split()
        # A process id is used again after a while: its start time says whether it is still ours.
        ours = boot == _boot() and _started(int(pid)) == started
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return int(pid) if ours else None


def take(state: Path) -> IO[str]:
    """Become the process of `state`; hold on to what is returned. Raises Taken."""
    lock = (state / _LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Taken(f"Another process serves {state} already.") from None
    temporary = state / f"{_PID}.new"
    temporary.write_text(f"{os.getpid()} {_started(os.getpid())} {_boot()}\n")
    temporary.replace(state / _PID)
    return lock


def process_id(state: Path) -> str:
    """The name of this state directory's process in its database, the same at every start."""
    file = state / _NAME
    if not file.exists():
        own = state / f"{_NAME}.{os.getpid()}"
        own.write_text(uuid.uuid4().hex)
        own.replace(file)
    return file.read_text().strip()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if stat[0] == "Z" else stat[19]
