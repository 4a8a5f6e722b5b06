"""A throw-away PostgreSQL server: made, started, restarted and stopped by the tests."""

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

from .ports import free_port

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 300
shared_buffers = 64MB
fsync = on
"""


def installed() -> bool:
    """Whether Debian's PostgreSQL is on this machine."""
    return bool(_BINARIES)


class Server:
    """A PostgreSQL server of Debian's in a temporary folder, on a free port, with fsync."""

    password = "database-secret"

    def __init__(self) -> None:
        if not installed():
            pytest.skip("no PostgreSQL server on this machine: `make databases` installs one")
        self._bin = _BINARIES[0].parent
        self.folder = Path(tempfile.mkdtemp(prefix="pileus-postgresql-"))
        self._data = self.folder / "data"
        # The server refuses to run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        self.port = free_port()
        secret = self.folder / "secret"
        secret.write_text(self.password)
        if self._user:
            for path in (self.folder, secret):
                shutil.chown(path, self._user)
        self._run(
            "initdb", "-D", str(self._data), "-U", "pileus", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--locale=C.UTF-8", "--encoding=UTF8",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(port=self.port, folder=self.folder))
        self.start()

    def _run(self, name: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._bin / name), *words],
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}"

    def _control(self, *words: str) -> None:
        log = self.folder / "log"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(log), "-w", "-t", "60", *words)

    def start(self) -> None:
        """Start it; it takes connections afterwards."""
        self._control("start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is a crash."""
        self._control("-m", mode, "stop")

    def restart(self, mode: str = "immediate") -> None:
        """Stop it so, and start it again."""
        self.stop(mode)
        self.start()

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://pileus:{self.password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        import psycopg

        where = f"host=127.0.0.1 port={self.port} user=pileus password={self.password}"
        with psycopg.connect(f"{where} dbname={database}", autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self, icu: str = "") -> str:
        """The URL of a fresh, empty database; `icu` is the language that it sorts by."""
        name = f"pileus_{uuid.uuid4().hex[:12]}"
        sorts = f"LOCALE_PROVIDER icu ICU_LOCALE '{icu}'" if icu else ""
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING UTF8 {sorts}")
        return self.url(name)

    def close(self) -> None:
        """Stop it and remove all that it has."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
