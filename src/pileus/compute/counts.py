"""How many servers there are, by status."""

import sqlalchemy as sa

from ..core.db import Tx
from .server import Server, live


def counts(tx: Tx) -> dict[str, int]:
    """Servers that are not deleted, by their state."""
    query = sa.select(Server.vm_state, sa.func.count()).where(live()).group_by(Server.vm_state)
    return {str(state): int(number) for state, number in tx.execute(query)}
