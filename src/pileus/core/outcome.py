"""Whether a transaction came about whose commit was cut off with the connection.

The database may have committed it and lost only the answer, so running it again could do the same
thing twice. A server's transaction that promises something therefore leaves a row with an id of
its own; whoever lost the answer looks for that row. Rows are dropped once nobody can ask.
"""

from datetime import timedelta

from .resource import Resource, attr, now
from .types import Text, When

KEPT = timedelta(hours=1)


class Outcome(Resource):
    """The mark of one transaction: it is there exactly when the transaction was committed."""

    one, many = "outcome", "outcomes"

    id = attr(Text(32), key=True)
    at = attr(When(), default=now)
