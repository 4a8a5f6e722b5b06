"""Log in at an identity provider's endpoint, …/identity_providers/{idp}/protocols/{p}/auth."""

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from ...config import Config
from ...core.db import Tx
from ...core.errors import Conflict, Unauthorized
from ...wire.context import Context, Response
from ...wire.route import Route
from .. import token_body
from ..tokens import Tokens, Understood
from . import cookie, mapped, session
from .identity_provider import PATH
from .oidc import bearer
from .provider import Providers
from .saml import asking, names, relay
from .settings import Oidc, Saml
from .vouch import Vouch

T = TypeVar("T")
log = logging.getLogger(__name__)


def base(ctx: Context) -> str:
    """Where clients find the identity service, without a slash at the end."""
    return ctx.parts[Config].catalog_url + ctx.service.path


def issue(
    ctx: Context,
    idp_id: str,
    protocol_id: str,
    vouch: Vouch | None = None,
    secret: str = "",
    before: Callable[[Tx], None] = lambda tx: None,
) -> tuple[str, Understood]:
    """A token for whom the identity provider vouches, now or in the login that `secret` names.

    before: done first in the same transaction. Raises NotFound, Forbidden, Unauthorized, Conflict.
    """
    tokens = ctx.parts[Tokens]

    def work(tx: Tx) -> tuple[str, Understood]:
        mapped.way_in(tx, idp_id, protocol_id)
        before(tx)
        found = vouch or session.take(tx, secret, idp_id, protocol_id)
        if found is None:
            raise Unauthorized("This login is unknown, used or older than five minutes.")
        return mapped.log_in(tx, tokens, idp_id, protocol_id, found)

    return once_more(ctx, work)


def once_more(ctx: Context, work: Callable[[Tx], T]) -> T:
    """Run a transaction, again when it lost a race: then it finds what the other one has made.

    So it is with somebody's first login in two windows. Raises Conflict when it loses again.
    """
    try:
        return ctx.db.run(work, kind="federation.login")
    except IntegrityError as clash:
        log.info("a federated login lost a race: %s", clash.orig)
    try:
        return ctx.db.run(work, kind="federation.login")
    except IntegrityError:
        raise Conflict("Another login of this user is under way; try again.") from None


def answer(ctx: Context, token: str, found: Understood) -> Response:
    """The token as the client is given it."""
    tokens = ctx.parts[Tokens]
    stored = ctx.db.read(lambda tx: tokens.snapshot(tx, found.revision)).catalog
    return Response(201, token_body.body(found, stored), {"X-Subject-Token": token})


def _auth(ctx: Context) -> Response:
    try:
        return _log_in(ctx)
    except Unauthorized as no:
        no.headers["WWW-Authenticate"] = f'Keystone uri="{ctx.request.base}{ctx.service.path}"'
        raise


def _log_in(ctx: Context) -> Response:
    idp_id, protocol_id = ctx.params["idp_id"], ctx.params["protocol_id"]
    ctx.db.read(lambda tx: mapped.way_in(tx, idp_id, protocol_id))
    secret = cookie.read(ctx, session.COOKIE)
    if secret:
        return answer(ctx, *issue(ctx, idp_id, protocol_id, secret=secret))
    providers = ctx.parts[Providers]
    settings = providers.of(idp_id, protocol_id)
    if isinstance(settings, Oidc):
        scheme, _, token = ctx.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            vouch = bearer.check(providers, settings, token.strip(), ctx.db.clock.now())
            return answer(ctx, *issue(ctx, idp_id, protocol_id, vouch))
        raise Unauthorized("Send an access token of the identity provider: Authorization: Bearer …")
    if isinstance(settings, Saml):
        return _ask_enhanced_client(ctx, idp_id, protocol_id)
    raise Unauthorized(
        "The settings of this cloud's federation do not say how to reach this identity provider."
    )


def _ask_enhanced_client(ctx: Context, idp_id: str, protocol_id: str) -> Response:
    """The request that an enhanced client takes to the identity provider (ECP)."""
    headers = ctx.request.headers
    if "paos" not in headers and names.MEDIA not in headers.get("accept", ""):
        raise Unauthorized("Log in by an enhanced client (ECP), or by WebSSO with a browser.")
    here, key = relay.consumer(base(ctx), idp_id, protocol_id), relay.new_id()
    state = relay.seal(ctx, "ecp", {"id": key, "for": here})
    own, now = ctx.parts[Providers].entity_id(base(ctx)), ctx.db.clock.now()
    return Response(200, asking.envelope(own, key, here, state, now), media=names.MEDIA)


def routes() -> tuple[Route, ...]:
    """The routes. They wait for other servers, so they run where transfers do."""
    path = f"{PATH}/{{idp_id}}/protocols/{{protocol_id}}/auth"
    return tuple(
        Route(method, path, _auth, tx="none", auth=False, stream=True) for method in ("GET", "POST")
    )
