"""The database of a cloud, as its operator names it and looks at it."""

import ctypes
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config import Config

if TYPE_CHECKING:
    import sqlalchemy as sa

_SKEW = 5.0  # seconds
_ROOM = 1 << 20  # bytes that SQLite needs to be sure of its next writes
_KINDS = ("sqlite", "postgresql")


def shown(url: str) -> str:
    """A database's URL without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def checked(text: str) -> str:
    """The URL as it is kept. Raises ClickException for one that is not of a database we know."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError:
        raise click.ClickException(
            "--database: that is no URL; postgresql+psycopg://USER:PASSWORD@HOST/NAME is one."
        ) from None
    if url.get_backend_name() not in _KINDS:
        raise click.ClickException(
            f"--database: {url.get_backend_name()} is not known here; {' and '.join(_KINDS)} are."
        )
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


def refuse_newer(config: Config) -> None:
    """Raises ClickException when a newer version of Pileus has changed the database's tables."""
    if not config.database and not (config.state / "pileus.db").exists():
        return
    from .. import migrations
    from ..core.db import Database

    db = Database(config.database_url)
    try:
        migrations.check(db)
    except migrations.WrongSchema as wrong:
        raise click.ClickException(str(wrong)) from None
    finally:
        db.close()


def unshow(url: str) -> None:
    """Blank the password of this URL in what `ps` shows of this process."""
    from sqlalchemy.engine import make_url

    password = make_url(url).password
    if not password:
        return
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end
    words = Path("/proc/self/cmdline").read_bytes()
    # The URL stands there as it was typed: its password may be written with per cent signs.
    typed = url.encode().partition(b"://")[2].rpartition(b"@")[0].partition(b":")[2]
    at = words.find(typed) if typed else -1
    while at >= 0 and start + at + len(typed) <= end:
        ctypes.memset(start + at, ord("*"), len(typed))
        words = words[:at] + b"*" * len(typed) + words[at + len(typed) :]
        at = words.find(typed)


def reachable(url: str) -> None:
    """See that the database answers and takes writes. Raises ClickException."""
    wrong = ailment(url)
    if wrong:
        raise click.ClickException(f"--database: {shown(url)}: {wrong}")


def ailment(url: str) -> str:
    """What is wrong with the database; "" when nothing is."""
    import sqlalchemy as sa

    try:
        engine = sa.create_engine(url, hide_parameters=True, connect_args=_patience(url))
        with engine.connect() as conn:
            found = _of_sqlite(conn) if engine.dialect.name == "sqlite" else _of_server(conn)
            conn.rollback()
        engine.dispose()
    except ImportError as wrong:
        return f"its driver is missing ({wrong}): pip install 'pileus[postgresql]'"
    except sa.exc.SQLAlchemyError as wrong:
        said = str(getattr(wrong, "orig", wrong)).strip().splitlines()[0]
        return f"it cannot be used: {said}"
    return found


def _patience(url: str) -> dict[str, int]:
    return {} if url.startswith("sqlite") else {"connect_timeout": 5}


def _of_sqlite(conn: "sa.Connection") -> str:
    conn.exec_driver_sql("BEGIN IMMEDIATE")
    file = conn.engine.url.database
    free = shutil.disk_usage(Path(file).parent).free if file else _ROOM
    return "" if free >= _ROOM else f"there is no room for it: {free >> 10} KB are free"


def _of_server(conn: "sa.Connection") -> str:
    if conn.exec_driver_sql("SELECT pg_is_in_recovery()").scalar():
        return "it is a standby, which takes no writes: name the primary"
    if conn.exec_driver_sql("SHOW default_transaction_read_only").scalar() == "on":
        return "it is read-only (default_transaction_read_only): turn that off, or name another"
    encoding = conn.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        return f"its encoding is {encoding}; make it with ENCODING 'UTF8'"
    # Writes some pages for good: a full disk shows here, not first in a user's request.
    conn.exec_driver_sql("CREATE TEMPORARY TABLE pileus_probe (x text)")
    conn.exec_driver_sql(
        "INSERT INTO pileus_probe SELECT repeat('x', 100) FROM generate_series(1, 2000)"
    )
    clock = conn.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar()
    seconds = abs(float(clock or 0) - time.time())
    return "" if seconds < _SKEW else f"its clock and this machine's differ by {seconds:.0f} s"


def mend(config: Config, says: str) -> str:
    """The command that mends what `check` said."""
    file = config.database or config.state
    where = config.state if config.database_url.startswith("sqlite") else None
    if where is None:
        return f"see to {shown(str(file))}; its own log says more"
    if "out of disk" in says or "no room" in says:
        return f"df -h {where}, then delete what you can there; the cloud goes on by itself"
    if "readonly" in says or "takes no writes" in says or "not take writes" in says:
        return f"mount -o remount,rw $(findmnt -no TARGET -T {where}); chmod u+w {where}/pileus.db*"
    return f"pileus audit --state {where}; if it is damaged: pileus restore FILE --state DIR"


def check(config: Config) -> tuple[bool, str]:
    """Whether the cloud's database is well, and a line about it."""
    url = config.database_url
    file = config.state / "pileus.db"
    if not config.database and not file.exists():
        return True, f"{file} is made at the first start"
    wrong = ailment(url)
    return not wrong, f"{shown(url)}: {wrong or 'answers and takes writes'}"
