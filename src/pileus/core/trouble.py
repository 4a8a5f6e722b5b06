"""What a database's error means for whoever ran the statement."""

from enum import Enum

from sqlalchemy.exc import DBAPIError, IntegrityError


class Trouble(Enum):
    """Kinds of errors, by what is to be done about them."""

    AGAIN = "it collided with another transaction: the same once more may do"
    LOST = "the connection is gone or the server is not ready: wait for it"
    CLASH = "a key or a reference is violated"
    TOO_MUCH = "the statement is beyond the database's limits"
    UNFIT = "a value does not fit its column"
    FULL = "the database is out of disk or memory"
    READ_ONLY = "the database does not take writes"
    BUG = "none of these"


# PostgreSQL's serialisation failure, deadlock and lock timeout, MariaDB's deadlock and lock wait
# timeout.
_AGAIN = {"40001", "40P01", "55P03", 1213, 1205}
# Shut down by its operator or crashed, starting up, without a free connection, ended as too idle.
_LOST = {"57P01", "57P02", "57P03", "53300", "25P03"}
# What SQLite says of a statement that is beyond its limits.
_LIMITS = (
    "Expression tree is too large",
    "too many SQL variables",
    "pattern too complex",
    "parser stack overflow",
    "string or blob too big",
)
# PostgreSQL: too complex, too many columns, too many arguments, longer than half a minute at it.
_BEYOND = {"57014", "54000", "54001", "54011", "54023"}


def trouble(problem: DBAPIError) -> Trouble:
    """Which kind of error this is."""
    if problem.connection_invalidated:
        return Trouble.LOST
    if isinstance(problem, IntegrityError):
        return Trouble.CLASH
    text = str(problem.orig)
    state = getattr(problem.orig, "sqlstate", None)
    if state is not None:
        return _of_server(str(state))
    if any(limit in text for limit in _LIMITS) or "parameters must be between 0 and" in text:
        return Trouble.TOO_MUCH
    if "database is locked" in text or next(iter(getattr(problem.orig, "args", ())), 0) in _AGAIN:
        return Trouble.AGAIN
    if "disk is full" in text or "disk I/O error" in text:
        return Trouble.FULL
    if "readonly database" in text or "unable to open database file" in text:
        return Trouble.READ_ONLY
    if type(problem.orig).__module__.startswith("psycopg"):
        name = type(problem.orig).__name__
        return {"OperationalError": Trouble.LOST, "DataError": Trouble.UNFIT}.get(name, Trouble.BUG)
    return Trouble.BUG


def _of_server(state: str) -> Trouble:
    if state in _AGAIN:
        return Trouble.AGAIN
    if state in _LOST or state.startswith("08"):
        return Trouble.LOST
    if state in _BEYOND:
        return Trouble.TOO_MUCH
    if state.startswith("22"):
        return Trouble.UNFIT
    if state.startswith("53"):
        return Trouble.FULL
    return Trouble.READ_ONLY if state == "25006" else Trouble.BUG
