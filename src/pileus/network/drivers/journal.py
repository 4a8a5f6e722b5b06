"""The simulated data plane of several processes: a file of lines that each of them reads on.

It stands in for OVN's databases, which every process sees: what stands there at which revision,
and which ports the hosts have plugged.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pileus.network.driver import Change, Key, Router, SecurityGroup, Switch, SwitchPort, Thing

_THINGS: dict[str, type[Thing]] = {
    "switch": Switch,
    "port": SwitchPort,
    "router": Router,
    "security_group": SecurityGroup,
}


@dataclass(frozen=True)
class Plugged:
    """A host has plugged a port, or unplugged it (`gone`)."""

    port_id: str
    host: str
    gone: bool


class Journal:
    """The file, as far as one process has read it. The caller sees to that calls do not overlap."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0

    def plugged(self, *plugs: Plugged) -> None:
        """Write these down."""
        self._write([["plugged", plug.port_id, plug.host, plug.gone] for plug in plugs])

    def applied(self, changes: list[Change]) -> None:
        """Write these down, all or none."""
        self._write([["applied", *c.key, c.revision, c.thing] for c in changes])

    def _write(self, lines: list[list[object]]) -> None:
        text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        # One write at the end of a file is whole among those of other processes.
        log = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(log, text)
        finally:
            os.close(log)

    def news(self) -> list[Plugged | Change]:
        """What was written since the last call, by whichever process."""
        try:
            with self._file.open("rb") as log:
                log.seek(self._read)
                text = log.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [_entry(msgspec.json.decode(line)) for line in whole.splitlines()]


def _entry(line: list[object]) -> Plugged | Change:
    if line[0] == "plugged":
        return msgspec.convert({"port_id": line[1], "host": line[2], "gone": line[3]}, Plugged)
    _, kind, key, revision, thing = line
    found = None if thing is None else msgspec.convert(thing, _THINGS[str(kind)])
    return Change(msgspec.convert((kind, key), Key), msgspec.convert(revision, int), found)
