"""Rotation of the keys of credentials: a new key, every row sealed by it, old keys gone."""

from dataclasses import dataclass

import sqlalchemy as sa

from ..core.db import Database, Tx
from .credential import Credential
from .credential_keys import CredentialKeys

_AT_ONCE = 200


@dataclass(frozen=True)
class Rotated:
    """What a rotation did: the new key's number, rows sealed anew, keys removed."""

    key: int
    rows: int
    removed: tuple[int, ...]


def rotate(db: Database, keys: CredentialKeys) -> Rotated:
    """Make a new key and seal every credential by it, a few in a transaction, while others work.

    The key before it stays until the next rotation: a process may have sealed with it just now.
    Cut short anywhere, it can be run again. Raises Unavailable for a row that no key here opens.
    """
    number, rows = keys.add(), 0
    while done := db.run(lambda tx: _some(tx, keys, number)):
        rows += done
    needed = set(db.read(_needed))
    removed = [old for old in keys.numbers() if old < number - 1 and old not in needed]
    for old in removed:
        keys.drop(old)
    return Rotated(number, rows, tuple(removed))


def _some(tx: Tx, keys: CredentialKeys, number: int) -> int:
    rows = tx.all(Credential, Credential.key != number, limit=_AT_ONCE)
    for row in rows:
        sealed_by, blob = keys.seal(keys.open(row.key, row.blob))
        tx.change(row, key=sealed_by, blob=blob)
    return len(rows)


def _needed(tx: Tx) -> list[int]:
    return [row[0] for row in tx.execute(sa.select(Credential.key).distinct())]
