"""Where one cloud's engines keep their things, so that several clouds never meet on a machine."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


class HostError(Exception):
    """This machine could not do what was asked; the message says what, where and why."""


@dataclass(frozen=True)
class Place:
    """The folders and names of the cloud whose state directory is `state`."""

    state: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", self.state.resolve())

    @property
    def _hash(self) -> str:
        return hashlib.sha256(str(self.state).encode()).hexdigest()

    @property
    def tag(self) -> str:
        """Four hex characters that go into the names of this cloud's devices and tables."""
        return self._hash[:4]

    @property
    def run(self) -> Path:
        """The folder for sockets: short, because a socket's path has room for 107 bytes only.

        It is empty after a reboot, as the things in it would be stale then.
        """
        return Path("/run/pileus") / self._hash[:8]

    @property
    def logs(self) -> Path:
        """The folder for the engines' logs."""
        return self.state / "log"
