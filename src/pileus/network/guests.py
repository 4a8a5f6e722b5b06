"""What the network tells whoever runs the guests behind its ports."""

from typing import Protocol

from ..core.db import Tx


class Guests(Protocol):
    """The guests of servers: a floor above, which the network knows by this alone."""

    def port_gone(self, tx: Tx, server_id: str, port_id: str) -> None:
        """Part the server's guest from a port that is its no more, in the same transaction."""
        ...
