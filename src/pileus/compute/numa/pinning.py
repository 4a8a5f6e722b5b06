"""Which guest has which cells and processors of which host: rows beside the allocations.

A row counts as long as its server holds an allocation of its host: giving that back frees these
too, wherever it is done. What is left of a row is overwritten by the server's next claim there.
"""

from ...core.resource import Resource, attr
from ...core.types import Json, Uuid


class Pinning(Resource):
    """A server's guest cells on a host's cells, as `fit.Placed` has them."""

    one, many = "pinning", "pinnings"

    server_id = attr(Uuid(), key=True)
    host_id = attr(Uuid(), key=True, index=True)
    cells = attr(Json())
