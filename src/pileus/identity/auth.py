"""Log in: POST /v3/auth/tokens.

Three short steps: read who it says it is, check the secret with no transaction open, and issue the
token in a second transaction, which sees whether the user is still enabled.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.db import Tx
from ..core.errors import Unauthorized
from ..wire.context import Context, Response
from . import auth_body, token_body
from .payload import Payload, Scope
from .rows import ApplicationCredential, Domain, Project, User
from .tokens import Tokens, Understood, refused


@dataclass(frozen=True)
class _Proof:
    """A user as one method has it: what stands against the secret, and what it brings along."""

    user_id: str = ""
    stored: str | None = None  # a hash
    secret: str | None = None  # what was given, when there is something to hash
    parent: Payload | None = None
    credential_id: str = ""
    scope: Scope | None = None
    expires: datetime | None = None


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
    proofs = ctx.db.read(
        lambda tx: [_proof(tx, tokens, m, wanted.proofs[m]) for m in wanted.methods]
    )
    # Every secret is checked whatever the others say, so that time tells nothing.
    right = [p.secret is None or tokens.passwords.matches(p.secret, p.stored) for p in proofs]
    users = {p.user_id for p in proofs}
    if not all(right) or len(users) != 1 or "" in users:
        raise refused()

    def issue(tx: Tx) -> tuple[str, Understood, list[dict[str, Any]]]:
        again = [_proof(tx, tokens, m, wanted.proofs[m]) for m in wanted.methods]
        if again != proofs:  # a secret was changed, or the user went, while this one was hashed
            raise refused()
        token, found = _issue(tx, tokens, users.pop(), wanted, proofs)
        return token, found, tokens.snapshot(tx, found.revision).catalog

    token, found, stored = ctx.db.read(issue)
    shown = token_body.body(found, stored, ctx.request.get("nocatalog") is None)
    return Response(201, shown, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})


def _proof(tx: Tx, tokens: Tokens, method: str, given: dict[str, Any]) -> _Proof:
    if method == "password":
        user = _user(tx, given["user"])
        secret = given["user"]["password"]
        return _Proof(user.id, user.password_hash, secret) if user else _Proof(secret=secret)
    if method == "token":
        parent = tokens.understand(tx, given["id"]).payload
        fixed = parent.scope if parent.application_credential_id else None
        return _Proof(
            parent.user_id,
            parent=parent,
            credential_id=parent.application_credential_id,
            scope=fixed,
        )
    credential = _credential(tx, given)
    if credential is None:
        return _Proof(secret=given["secret"])
    return _Proof(
        credential.user_id,
        credential.secret_hash,
        given["secret"],
        credential_id=credential.id,
        scope=Scope("project", credential.project_id),
        expires=credential.expires_at,
    )


def _issue(
    tx: Tx, tokens: Tokens, user_id: str, wanted: auth_body.Wanted, proofs: list[_Proof]
) -> tuple[str, Understood]:
    fixed = next((p for p in proofs if p.scope is not None), None)
    parent = next((p.parent for p in proofs if p.parent is not None), None)
    asked = None if wanted.scope is None else _scope(tx, wanted.scope)
    if fixed is not None and fixed.scope is not None:
        # An application credential opens its own project and nothing else.
        if asked not in (None, fixed.scope):
            raise refused()
        asked = fixed.scope
    methods = dict.fromkeys((*(parent.methods if parent else ()), *wanted.methods))
    rest: dict[str, Any] = {
        "parent": parent,
        "credential_id": fixed.credential_id if fixed else "",
        "expires": fixed.expires if fixed else None,
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


def _scope(tx: Tx, wanted: dict[str, Any]) -> Scope:
    """The scope with its id. Raises Unauthorized where there is no such thing."""
    if not wanted:
        return Scope()
    if "system" in wanted:
        return Scope("system")
    if "domain" in wanted:
        domain = _domain_id(tx, wanted["domain"])
        if domain is None:
            raise refused()
        return Scope("domain", domain)
    project = wanted["project"]
    if "id" in project:
        return Scope("project", project["id"])
    domain = _domain_id(tx, project["domain"])
    found = tx.one(Project, domain_id=domain, name=project["name"])
    if found is None:
        raise refused()
    return Scope("project", found.id)


def _domain_id(tx: Tx, named: dict[str, Any]) -> str | None:
    if "id" in named:
        return str(named["id"])
    found = tx.one(Domain, name=named["name"])
    return found.id if found else None


def _user(tx: Tx, named: dict[str, Any]) -> User | None:
    """The user if it may log in."""
    if "id" in named:
        found = tx.get(User, named["id"])
    else:
        domain = _domain_id(tx, named["domain"])
        found = tx.one(User, domain_id=domain, name=named["name"])
    return found if found is not None and found.enabled else None


def _credential(tx: Tx, given: dict[str, Any]) -> ApplicationCredential | None:
    if "id" in given:
        found = tx.get(ApplicationCredential, given["id"])
    else:
        user = _user(tx, given["user"])
        if user is None:
            return None
        found = tx.one(ApplicationCredential, user_id=user.id, name=given["name"])
    if found is None or (found.expires_at is not None and found.expires_at <= tx.now):
        return None
    return found
