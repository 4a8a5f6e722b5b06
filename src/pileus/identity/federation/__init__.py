"""Users whom somebody else vouches for, and users whom this cloud vouches for: OS-FEDERATION."""

from ...wire.route import Route
from . import identity_provider, mapping, protocol, service_provider
from .rules import rules

__all__ = ["routes", "rules"]


def routes() -> tuple[Route, ...]:
    """The routes of federation."""
    return (
        *identity_provider.routes(),
        *protocol.routes(),
        *mapping.routes(),
        *service_provider.routes(),
    )
