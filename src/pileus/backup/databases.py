"""Copying a database as it is at one moment, and putting a copy back, by its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import postgresql, sqlite
from .copy import Copy
from .manifest import BadBackup


@dataclass(frozen=True)
class Kind:
    """How databases of one kind are copied and put back."""

    name: str
    member: str  # the copy's name in the backup
    copy: Callable[[str, Path], Copy]  # (URL, new file)
    # (copy, state directory, URL): puts it back and returns the `database` setting. Nothing of it
    # stands when it fails.
    put: Callable[[Path, Path, str], str]


KINDS: Mapping[str, Kind] = {
    one.name: one
    for one in (
        Kind("sqlite", "database/pileus.db", sqlite.copy, sqlite.put),
        Kind("postgresql", "database/pileus.dump", postgresql.copy, postgresql.put),
    )
}


def kind(name: str) -> Kind:
    """The kind of this name, or of a database URL. Raises BadBackup where none is built."""
    name = name.partition(":")[0].partition("+")[0]
    if name not in KINDS:
        raise BadBackup(
            f"databases of kind {name!r} cannot be backed up by this version (only"
            f" {', '.join(KINDS)}): use the database's own tools, and keep the keys beside it."
        )
    return KINDS[name]
