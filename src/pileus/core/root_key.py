"""Which root key seals the secrets of a database: a process with another one must not serve it."""

from .db import Tx
from .resource import Resource, attr
from .types import Int, Text

_ROW, _TEXT = 1, "pileus"


class RootKey(Resource):
    """A known text, sealed by the root key. There is one row."""

    one, many = "root_key", "root_keys"

    id = attr(Int(), key=True)
    sealed = attr(Text(255))


class WrongKey(Exception):
    """This process's root key is not the one that the database's secrets are sealed by."""


def check(tx: Tx) -> None:
    """Remember the root key at the first start. Raises WrongKey for another at a later one."""
    sealed = tx.vault.seal(_TEXT)
    row = tx.get(RootKey, _ROW)
    if row is None:
        tx.add(RootKey(id=_ROW, sealed=sealed))
    elif row.sealed != sealed:
        raise WrongKey(
            "This database belongs to a cloud with another root key than the vault.key here: start"
            " further processes of that cloud with `pileus up --join STATE`, or give this cloud a"
            " database of its own."
        )
