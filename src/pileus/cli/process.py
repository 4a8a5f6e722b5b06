"""The control-plane process: is it there, start it, stop it."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

_PID = "pileus.pid"
_LOG = "log/pileus.log"


def running(state: Path) -> int | None:
    """The process id of the cloud in `state`, if it runs."""
    try:
        pid, started = (state / _PID).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    # A process id is used again after a while: its start time says whether it is still ours.
    return int(pid) if _started(int(pid)) == started else None


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if stat[0] == "Z" else stat[19]


@contextlib.contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold the directory's lock, so that two commands never start or stop it at once."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                f"Another pileus command is at work on {state}; try again when it is done."
            ) from None
        yield


def start(state: Path, seconds: float = 120) -> int:
    """Start the process in the background and return its id once it answers.

    Raises ClickException with the end of its log when it does not come up.
    """
    log = state / _LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "pileus.serve", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[write],
            env=os.environ | {"PILEUS_READY_FD": str(write)},
        )
    os.close(write)
    note(state, child.pid)
    try:
        readable, _, _ = select.select([read], [], [], seconds)
        if readable and os.read(read, 16):
            return child.pid
    finally:
        os.close(read)
    if child.poll() is None:
        child.terminate()
    tail = b"".join(log.open("rb").readlines()[-15:]).decode(errors="replace")
    raise click.ClickException(f"The control plane did not come up. The end of {log}:\n{tail}")


def note(state: Path, pid: int) -> None:
    """Write down which process this cloud is."""
    (state / _PID).write_text(f"{pid} {_started(pid)}\n")


def stop(state: Path, seconds: float = 30) -> bool:
    """Stop the process; true when there was one."""
    pid = running(state)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while running(state) is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += seconds
        time.sleep(0.02)
    (state / _PID).unlink(missing_ok=True)
    return True


def log_file(state: Path) -> Path:
    """The control plane's log."""
    return state / _LOG
