"""What was revoked lately, for programs that check tokens by themselves (OS-REVOKE).

A revocation is kept as long as a token may live that it ends; what ends by itself with a grant or
a trust is none. OS-SIMPLE-CERT, which is gone, says so.
"""

from datetime import datetime, timedelta

from ..core.db import Tx
from ..core.errors import Gone
from ..core.types import When, Where
from ..wire.context import Context
from ..wire.route import Route
from .revision import KEPT_LONGER, Revocation
from .tokens import Tokens

_STAMP = When("%Y-%m-%dT%H:%M:%S.%fZ")
_KEYS = {
    "user": "user_id",
    "project": "project_id",
    "domain": "domain_scope_id",
    "trust": "OS-TRUST:trust_id",
}


def _events(tx: Tx, hours: float, since: datetime | None) -> list[dict[str, object]]:
    found = []
    for row in tx.all(Revocation, order=[Revocation.until, Revocation.subject]):
        at = row.until - timedelta(hours=hours) - KEPT_LONGER
        if since is not None and at < since:
            continue
        kind, _, id_ = row.subject.partition(":")
        moment = _STAMP.dump(at)
        key = _KEYS.get(kind, f"{kind}_id")
        found.append({key: id_, "issued_before": moment, "revoked_at": moment})
    return found


def _list(ctx: Context) -> object:
    asked = ctx.request.get("since")
    since = None if asked is None else _STAMP.read(asked, Where("since"))
    events = _events(ctx.tx, ctx.parts[Tokens].hours, since)
    links = {"next": None, "previous": None, "self": ctx.url("/v3/OS-REVOKE/events")}
    return {"events": events, "links": links}


def _gone(ctx: Context) -> object:
    raise Gone("There are no certificates for tokens any more: tokens are not signed by one.")


def routes() -> tuple[Route, ...]:
    """The routes of the list, and of what is gone."""
    gone = "/v3/OS-SIMPLE-CERT"
    return (
        Route("GET", "/v3/OS-REVOKE/events", _list, "identity:list_revoke_events"),
        Route("GET", f"{gone}/ca", _gone, auth=False, tx="none"),
        Route("GET", f"{gone}/certificates", _gone, auth=False, tx="none"),
    )
