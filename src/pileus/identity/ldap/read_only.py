"""What a directory keeps is not changed here."""

from ...core.db import Tx
from ...core.errors import Forbidden
from .config import directory_of
from .rows import Entry


def check_row(tx: Tx, key: str) -> None:
    """Raises Forbidden for a user or group that a directory has."""
    entry = tx.get(Entry, key)
    if entry is not None and entry.present and directory_of(tx, entry.domain_id) is not None:
        raise Forbidden("An LDAP directory keeps this; it is changed there, and not here.")


def check_domain(tx: Tx, domain_id: str) -> None:
    """Raises Forbidden for a domain whose users and groups a directory keeps."""
    if directory_of(tx, domain_id) is not None:
        raise Forbidden("An LDAP directory keeps the users and groups of this domain.")


def forget(tx: Tx, key: str) -> None:
    """Remove what is known of a user or group that is going."""
    tx.remove_where(Entry, id=key)
