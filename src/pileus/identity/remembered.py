"""A transaction that asks the database nothing: it reads what is remembered of one revision."""

from datetime import datetime

from ..core.db import Tx
from .revision import KNOWN


class NotRemembered(Exception):
    """Something was asked for that is not remembered: ask again in a real transaction."""


class Remembered(Tx):
    """Reads of tokens at a revision that has just been seen. Raises NotRemembered.

    All that tokens remember is of one revision and the database has that revision now, so this sees
    what a real transaction would see, without a connection.
    """

    def __init__(self, now: datetime, revision: int) -> None:
        self.now = now
        self.write = False
        self.known = {KNOWN: revision}
        self.lines = set()

    def __getattr__(self, name: str) -> object:
        """Whatever else there is to a transaction needs the database."""
        raise NotRemembered(name)
