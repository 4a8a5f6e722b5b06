"""A cloud of its own on each database, for benches that measure over HTTP while hosts are added."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from api import Cloud, machine

from pileus.core.db import Database

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.postgresql import Server

PORT = int(os.environ.get("BENCH_PORT", "18899"))


@dataclass(frozen=True)
class Stand:
    """A cloud, and its database as this process sees it."""

    name: str  # of the kind of database
    cloud: Cloud
    db: Database
    another: Callable[[], Database]  # an empty one of the same kind

    def grown(
        self, counts: Sequence[int], fill: Callable[[Database, range], None]
    ) -> Iterator[int]:
        """Each of the counts in turn, once so many hosts are there."""
        made = 0
        for count in counts:
            fill(self.db, range(made, count))
            made = count
            yield count


def counts() -> list[int]:
    """The numbers of hosts that the command line names, or 1,000 and 10,000."""
    return sorted(int(word) for word in sys.argv[1:]) or [1000, 10_000]


def stands() -> Iterator[Stand]:
    """One on PostgreSQL and one on SQLite, each down before the next is up."""
    print(f"{machine()}\n")
    with contextlib.ExitStack() as whole:
        server = Server()
        whole.callback(server.close)
        for name in ("PostgreSQL", "SQLite"):
            with contextlib.ExitStack() as ending:
                folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
                url = server.new_database() if name == "PostgreSQL" else ""
                cloud = Cloud(folder, PORT, *(("--database", url) if url else ()))
                ending.callback(cloud.down)
                db = Database(url or f"sqlite:///{folder}/state/pileus.db")
                ending.callback(db.close)

                # It is called only while this one stands.
                def another(name: str = name, folder: Path = folder) -> Database:
                    own = name == "PostgreSQL"
                    found = Database(server.new_database() if own else f"sqlite:///{folder}/new.db")
                    ending.callback(found.close)
                    return found

                yield Stand(name, cloud, db, another)
