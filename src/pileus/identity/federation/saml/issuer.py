"""Vouch for this cloud's users: POST /v3/auth/OS-FEDERATION/saml2 and …/ecp, and the metadata."""

import secrets
from typing import Any

from ....core.db import Tx
from ....core.errors import Forbidden, NotFound
from ....core.types import Field, Json, ListOf, Object, Text
from ....wire.context import Context, Response
from ....wire.route import Route
from ...passwords import LONGEST
from ...rows import Domain, Group
from ...standing import groups_of
from ...tokens import Tokens, Understood
from .. import login
from ..provider import Providers
from ..rows import ServiceProvider
from ..settings import Saml
from . import document, metadata, relay, vouching
from .keypair import Keypair

_ID = Field(Object({"id": Field(Text(LONGEST, 1), required=True)}), required=True)
_BODY = Object(
    {
        "identity": Field(Object({"methods": ListOf(Json()), "token": _ID}), required=True),
        "scope": Field(Object({"service_provider": _ID}), required=True),
    }
)


def _vouch(ctx: Context) -> tuple[Any, ServiceProvider]:
    """The signed response for the service provider that the body names, and the latter."""
    auth = _BODY.parse(ctx.inner("auth"), ctx.where.at("auth"))
    wanted = auth["scope"]["service_provider"]["id"]

    def look(tx: Tx) -> tuple[vouching.Person, ServiceProvider]:
        token = ctx.parts[Tokens].understand(tx, auth["identity"]["token"]["id"])
        other = tx.get(ServiceProvider, wanted)
        if other is None:
            raise NotFound(f"There is no service provider {wanted[:255]}.")
        if not other.enabled:
            raise Forbidden(f"The service provider {other.id} is disabled.")
        return _person(tx, token), other

    person, other = ctx.db.read(look)
    providers = ctx.parts[Providers]
    made = vouching.response(
        person,
        providers.entity_id(login.base(ctx)),
        other.sp_url,
        ctx.db.clock.now(),
        providers.settings.assertion_seconds,
        ctx.parts[Keypair],
    )
    return made, other


def _person(tx: Tx, token: Understood) -> vouching.Person:
    """The token's user. Raises Forbidden for a token that another cloud must not believe."""
    ties, project = token.payload.ties, token.target
    if token.payload.scope.kind != "project" or project is None:
        raise Forbidden("Another cloud is told of a user by a token for a project only.")
    limited = token.credential is not None and not token.credential.unrestricted
    if limited or ties.trust_id or ties.access_token_id:
        # It stands for a part of what the user may do; the other cloud would not know which.
        raise Forbidden("A delegated token does not open other clouds: log in by another method.")
    brought = ties.federated.groups if ties.federated is not None else ()
    ids = {*groups_of(tx, token.user.id), *brought}
    groups = tx.all(Group, id=sorted(ids), order=[Group.name])
    domains = {d.id: d.name for d in tx.all(Domain, id=sorted({g.domain_id for g in groups}))}
    return vouching.Person(
        token.user.name,
        token.user.domain_name,
        project.name,
        project.domain_name,
        sorted(token.roles.values()),
        [(g.name, domains[g.domain_id]) for g in groups],
    )


def _answer(xml: Any, other: ServiceProvider) -> Response:
    headers = {"X-sp-url": other.sp_url, "X-auth-url": other.auth_url}
    data = b'<?xml version="1.0" encoding="UTF-8"?>\n' + document.dump(xml)
    return Response(200, data, headers, "text/xml")


def _plain(ctx: Context) -> Response:
    return _answer(*_vouch(ctx))


def _enhanced(ctx: Context) -> Response:
    made, other = _vouch(ctx)
    state = (other.relay_state_prefix or "") + secrets.token_hex(16)
    return _answer(vouching.envelope(made, state), other)


def _describe(ctx: Context) -> Response:
    providers, base = ctx.parts[Providers], login.base(ctx)
    consumers = [
        relay.consumer(base, idp_id, protocol_id)
        for idp_id, protocols in sorted(providers.settings.identity_providers.items())
        for protocol_id, one in sorted(protocols.items())
        if isinstance(one, Saml)
    ]
    own, sso = providers.entity_id(base), f"{base}/v3/OS-FEDERATION/saml2/sso"
    found = metadata.describe(own, sso, consumers, ctx.parts[Keypair])
    return Response(200, found, media="text/xml")


def routes() -> tuple[Route, ...]:
    """The routes. Signing computes for long, and making the key for longer."""
    at = "/v3/auth/OS-FEDERATION/saml2"
    return (
        Route("POST", at, _plain, tx="none", auth=False, slow=True),
        Route("POST", f"{at}/ecp", _enhanced, tx="none", auth=False, slow=True),
        Route(
            "GET", "/v3/OS-FEDERATION/saml2/metadata", _describe, tx="none", auth=False, slow=True
        ),
    )
