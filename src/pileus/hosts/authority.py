"""The authority of this cloud's hosts, made when it is first needed."""

from sqlalchemy.exc import IntegrityError

from ..core.db import Database, Tx
from .certificates import Signer
from .rows import Authority

_NAME = "hosts"


def signer(db: Database) -> Signer:
    """The authority, read from the database; made there the first time."""
    try:
        return db.run(signer_in)
    except IntegrityError:  # another process has made it at the same moment
        return db.run(signer_in)


def signer_in(tx: Tx) -> Signer:
    """The same inside a transaction that writes."""
    row = tx.get(Authority, _NAME)
    if row is not None:
        return Signer(row.certificate, tx.vault.open(row.key))
    made = Signer.new(tx.now)
    tx.add(Authority(name=_NAME, certificate=made.certificate, key=tx.vault.seal(made.key)))
    return made
