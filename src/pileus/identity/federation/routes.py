"""All routes of federation."""

from ...wire.route import Route
from . import identity_provider, login, mapping, protocol, reach, service_provider, websso
from .saml import consumer, issuer


def routes() -> tuple[Route, ...]:
    """The routes of federation."""
    return (
        *identity_provider.routes(),
        *protocol.routes(),
        *mapping.routes(),
        *service_provider.routes(),
        *reach.routes(),
        *login.routes(),
        *websso.routes(),
        *consumer.routes(),
        *issuer.routes(),
    )
