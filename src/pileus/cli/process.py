"""The control-plane process: is it there, start it, stop it."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from ..config import Config
from ..pidfile import running

_LOG = "log/pileus.log"


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


def start(config: Config, seconds: float = 180) -> int:
    """See that the process runs in the background and answers; its id.

    One that another `up` has started and not waited for is waited for here. Raises ClickException
    with the end of the log when it does not come up.
    """
    return started(
        config.state, "pileus.serve", lambda: _answers(config), "The control plane", seconds
    )


def started(
    state: Path, module: str, ready: Callable[[], bool], who: str, seconds: float = 180
) -> int:
    """See that `python -m module STATE` runs in the background and is ready; its id."""
    log = state / _LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    child: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid = running(state)
        if pid is not None and ready():
            return pid
        if pid is None and child is None:
            child = _spawn(module, state, log)
        elif pid is None and child is not None and child.poll() is not None:
            break
        time.sleep(0.01)
    tail = b"".join(log.open("rb").readlines()[-15:]).decode(errors="replace")
    raise click.ClickException(f"{who} did not come up. The end of {log}:\n{tail}")


def _spawn(module: str, state: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _answers(config: Config) -> bool:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.listen, config.listen)  # noqa: S104
    try:
        socket.create_connection((address, config.port), timeout=1).close()
    except OSError:
        return False
    return True


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
    return True


def log_file(state: Path) -> Path:
    """The control plane's log."""
    return state / _LOG
