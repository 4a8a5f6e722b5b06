"""How a newer version takes a process's place without a connection being refused.

`pileus upgrade` writes what is to run into the state directory and signals the process. It stops,
keeps its listening socket open, and becomes the newer version (the same process id, which holds the
same locks): who connects meanwhile waits in the socket's queue.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

_FILE = "next-version.json"
_VARIABLE = "PILEUS_LISTENER"


def order(state: Path, argv: list[str], environment: dict[str, str]) -> None:
    """Write down what is to take the place of the process of `state`."""
    half = state / f"{_FILE}.new"
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"argv": argv, "environment": environment}, file)
    half.rename(state / _FILE)


def withdraw(state: Path) -> None:
    """There is no order any more."""
    (state / _FILE).unlink(missing_ok=True)


def become(state: Path, listener: socket.socket) -> None:
    """Become what was ordered, with this socket. Returns only when nothing was."""
    try:
        found: dict[str, Any] = json.loads((state / _FILE).read_text())
    except FileNotFoundError:
        return
    withdraw(state)
    listener.set_inheritable(True)
    environment = {**os.environ, **found["environment"], _VARIABLE: str(listener.fileno())}
    os.execve(found["argv"][0], found["argv"], environment)  # noqa: S606


def inherited(address: str, port: int) -> socket.socket | None:
    """The socket that this process was given, if it listens where it should."""
    number = os.environ.pop(_VARIABLE, "")
    if not number:
        return None
    listener = socket.socket(fileno=int(number))
    listener.set_inheritable(False)
    if listener.getsockname()[:2] == (address, port):
        return listener
    listener.close()
    return None
