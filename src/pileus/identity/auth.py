"""Log in: POST /v3/auth/tokens.

Three short steps: read who it says it is, check the secret with no transaction open, and issue the
token in a second transaction, which sees whether the user is still enabled.
"""

from typing import Any

import msgspec

from ..core.db import Tx
from ..core.errors import Unauthorized
from ..wire.context import Context, Response
from . import auth_body, delegation, token_body
from .catalog import Catalog
from .methods import METHODS, Proof, named
from .payload import FREE, Scope, Ties
from .rows import Project, User
from .tokens import Tokens, Understood, refused


def log_in(ctx: Context) -> Response:
    """Issue a token."""
    try:
        return _log_in(ctx)
    except Unauthorized as no:
        no.headers["WWW-Authenticate"] = f'Keystone uri="{ctx.request.base}{ctx.service.path}"'
        raise


def _log_in(ctx: Context) -> Response:
    tokens = ctx.parts[Tokens]
    wanted = auth_body.read(ctx.body)
    for name in wanted.methods:
        if (reads := METHODS[name].reads) is not None:
            wanted.given[name] = reads(ctx)

    def prove(tx: Tx) -> list[Proof]:
        return [METHODS[m].prove(tx, tokens, wanted.given[m]) for m in wanted.methods]

    proofs = ctx.db.read(prove)
    # Every secret is checked whatever the others say, so that time tells nothing.
    right = [p.secret is None or tokens.passwords.matches(p.secret, p.stored) for p in proofs]
    users = {p.user_id for p in proofs}
    if not all(right) or len(users) != 1 or "" in users:
        raise refused()

    def issue(tx: Tx) -> tuple[str, Understood, Catalog]:
        if prove(tx) != proofs:  # a secret was changed, or the user went, while it was hashed
            raise refused()
        token, found = _issue(tx, tokens, wanted, proofs)
        return token, found, tokens.snapshot(tx, found.revision).catalog

    spends = bool(wanted.trust_id)
    token, found, stored = ctx.db.run(issue) if spends else ctx.db.read(issue)
    shown = token_body.body(found, stored, ctx.request.get("nocatalog") is None)
    return Response(201, shown, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})


def _issue(
    tx: Tx, tokens: Tokens, wanted: auth_body.Wanted, proofs: list[Proof]
) -> tuple[str, Understood]:
    user_id = proofs[0].user_id
    parent = next((p.parent for p in proofs if p.parent is not None), None)
    ties = _together([p.ties for p in proofs])
    asked = None if wanted.scope is None else _scope(tx, wanted.scope)
    if wanted.trust_id:
        user_id, asked, ties = _borrow(tx, user_id, wanted.trust_id, ties)
    for fixed in (p.scope for p in proofs if p.scope is not None):
        # What an application credential or an access token opens is its own project alone.
        if asked not in (None, fixed):
            raise refused()
        asked = fixed
    methods = dict.fromkeys((*(parent.methods if parent else ()), *wanted.methods))
    ends = [p.expires for p in proofs if p.expires is not None]
    rest: dict[str, Any] = {
        "parent": parent,
        "ties": ties,
        "expires": min(ends) if ends else None,
    }
    if asked is None:
        user = tx.get(User, user_id)
        if user is not None and user.default_project_id:
            try:
                usual = Scope("project", user.default_project_id)
                return tokens.issue(tx, user_id, methods, usual, **rest)
            except Unauthorized:
                pass  # no role there (any more): then the token is for nothing in particular
        asked = Scope()
    return tokens.issue(tx, user_id, methods, asked, **rest)


def _together(every: list[Ties]) -> Ties:
    """The ties of all proofs. Raises Unauthorized when two of them name different things."""
    found: dict[str, Any] = {}
    for ties in every:
        if ties is FREE:
            continue
        for name, value in msgspec.structs.asdict(ties).items():
            if value and found.setdefault(name, value) != value:
                raise refused()
    return Ties(**found) if found else FREE


def _borrow(tx: Tx, user_id: str, trust_id: str, ties: Ties) -> tuple[str, Scope, Ties]:
    """The user, the scope and the ties of a token that a trust gives."""
    if ties.application_credential_id or ties.access_token_id:
        raise refused()
    ties = msgspec.structs.replace(ties, trust_id=trust_id)
    try:
        loan = delegation.lent(tx, ties)
    except KeyError:
        raise refused() from None
    if loan is None or loan.borrower_id != user_id:
        raise refused()
    delegation.spend(tx, ties)
    return loan.user_id, loan.scope, ties


def _scope(tx: Tx, wanted: dict[str, Any]) -> Scope | None:
    """The scope with its id. Raises Unauthorized where there is no such thing."""
    if not wanted:
        return Scope()
    if "OS-TRUST:trust" in wanted:
        return None
    if "system" in wanted:
        return Scope("system")
    if "domain" in wanted:
        domain = named.domain_id(tx, wanted["domain"])
        if domain is None:
            raise refused()
        return Scope("domain", domain)
    project = wanted["project"]
    if "id" in project:
        return Scope("project", project["id"])
    domain = named.domain_id(tx, project["domain"])
    found = tx.one(Project, domain_id=domain, name=project["name"])
    if found is None:
        raise refused()
    return Scope("project", found.id)
