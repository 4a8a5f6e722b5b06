"""What ends by itself: memberships that a login gave for a time, and logins never finished."""

from ...core.db import Tx
from ..revision import bump
from . import session
from .rows import ExpiringMember


def end(tx: Tx) -> None:
    """Remove what has ended. Tokens without a membership mean less from now on."""
    session.prune(tx)
    if tx.remove_where(ExpiringMember, ExpiringMember.expires_at <= tx.now):
        bump(tx)
