"""Log in: POST /v3/auth/tokens.

Three short steps: read who it says it is, check the secret with no transaction open, and issue the
token in a second transaction, which sees whether the user is still enabled.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from ..core.db import Tx
from ..core.errors import Unauthorized
from ..wire.context import Context, Response
from . import auth_body, delegation, mfa, password_rules, receipt, token_body
from .catalog import Catalog
from .methods import METHODS, Proof, named
from .payload import FREE, Scope, Ties
from .remembered import NotRemembered
from .revision import current
from .rows import User
from .standing import Person
from .tokens import Tokens, Understood, refused


def log_in(ctx: Context) -> Response:
    """Issue a token."""
    try:
        return _log_in(ctx)
    except Unauthorized as no:
        no.headers["WWW-Authenticate"] = f'Keystone uri="{ctx.request.base}{ctx.service.path}"'
        raise


def _log_in(ctx: Context) -> Response:
    answer = authenticate(ctx, auth_body.read(ctx.body))
    if isinstance(answer, Response):
        return answer
    shown = token_body.body(answer.found, answer.catalog, ctx.request.get("nocatalog") is None)
    return Response(201, shown, {"X-Subject-Token": answer.token, "Vary": "X-Auth-Token"})


@dataclass(frozen=True)
class Issued:
    """A token that a login gave, what it means, and the catalog as its rows are."""

    token: str
    found: Understood
    catalog: Catalog


def authenticate(ctx: Context, wanted: auth_body.Wanted) -> Issued | Response:
    """A token for who proves to be somebody; a receipt where the user's rules ask for more.

    Raises Unauthorized, and whatever else a method refuses by.
    """
    tokens = ctx.parts[Tokens]
    for name in wanted.methods:
        if (reads := METHODS[name].reads) is not None:
            wanted.given[name] = reads(ctx)

    def prove(tx: Tx) -> list[Proof]:
        return [METHODS[m].prove(tx, tokens, wanted.given[m]) for m in wanted.methods]

    given = ctx.request.headers.get(receipt.HEADER.lower(), "")

    def issue(tx: Tx, proofs: list[Proof]) -> Response | Issued:
        shared = tokens.snapshot(tx, current(tx))
        user = tokens.person(tx, shared, _one_user(proofs))
        if user is None:
            raise refused()
        methods = _methods(tx, tokens, wanted, proofs, given)
        required = mfa.lacking(user.options, methods, METHODS)
        if required:
            return receipt.issue(tx, tokens, user, methods, required)
        token, found = _issue(tx, tokens, wanted, proofs, user, methods)
        return Issued(token, found, shared.catalog)

    at_once = not (wanted.trust_id or any(METHODS[m].hashes for m in wanted.methods))

    def look(tx: Tx) -> tuple[list[Proof], bool, Response | Issued | None]:
        proofs, noted = _look(tx, tokens, prove(tx))
        return proofs, noted, issue(tx, proofs) if at_once and not noted else None

    if at_once:
        try:
            proofs, noted, answer = look(tokens.remembered())
        except NotRemembered:
            proofs, noted, answer = ctx.db.read(look)
    else:
        proofs, noted, answer = ctx.db.read(look)
    if answer is not None:
        return answer
    # Every secret is checked whatever the others say, so that time tells nothing.
    right = [p.secret is None or tokens.passwords.matches(p.secret, p.stored) for p in proofs]
    if not all(right) or not all(p.user_id for p in proofs):
        wrong = {p.user_id for p, ok in zip(proofs, right, strict=True) if not ok}
        _failed(ctx, tokens, wrong, {p.failed for p in proofs if p.failed})
        raise refused()
    anew = {
        method: tokens.passwords.hash(proof.secret)
        for method, proof in zip(wanted.methods, proofs, strict=True)
        if proof.secret is not None and tokens.passwords.outdated(proof.stored)
    }

    def settle(tx: Tx) -> Response | Issued:
        if prove(tx) != proofs:  # a secret was changed, or the user went, while it was hashed
            raise refused()
        user_id = _one_user(proofs)
        for method, proof in zip(wanted.methods, proofs, strict=True):
            METHODS[method].admit(tx, tokens, proof)
            store = METHODS[method].store
            if method in anew and store is not None:
                store(tx, proof, anew[method])
        if noted:
            _note(tx, tokens, user_id)
        return issue(tx, proofs)

    writes = wanted.trust_id or anew or noted or any(METHODS[m].writes for m in wanted.methods)
    return ctx.db.run(settle) if writes else ctx.db.read(settle)


def _one_user(proofs: list[Proof]) -> str:
    """The user that all of them prove. Raises Unauthorized when they do not."""
    users = {p.user_id for p in proofs}
    if len(users) != 1 or "" in users:
        raise refused()
    return users.pop()


def _methods(
    tx: Tx, tokens: Tokens, wanted: auth_body.Wanted, proofs: list[Proof], given: str
) -> tuple[str, ...]:
    """What the user has proved itself by: now, for the token it brought, and for its receipt."""
    brought = receipt.read(tx, tokens, given)
    if brought is not None and brought.user_id != proofs[0].user_id:
        raise refused()
    earlier = [p.parent.methods for p in proofs if p.parent is not None]
    if brought is not None:
        earlier.append(brought.methods)
    return tuple(dict.fromkeys([*(m for some in earlier for m in some), *wanted.methods]))


def _look(tx: Tx, tokens: Tokens, proofs: list[Proof]) -> tuple[list[Proof], bool]:
    """The proofs, and whether the user's row has to be written when they are right."""
    rules = tokens.settings.security_compliance
    asked = rules.lockout_failure_attempts or rules.disable_user_account_days_inactive
    if not asked and not any(p.step for p in proofs):
        return proofs, False
    user = tx.get(User, proofs[0].user_id)
    if user is None:
        return proofs, False
    return proofs, bool(user.failures) or password_rules.unnoted(tx, rules, user)


def _note(tx: Tx, tokens: Tokens, user_id: str) -> None:
    """Write down that the user has just logged in."""
    user = tx.get(User, user_id)
    if user is None or password_rules.asleep(tokens.settings.security_compliance, user, tx.now):
        raise refused()
    tx.change(user, failures=None, failed_at=None, last_active_at=tx.now)


def _failed(ctx: Context, tokens: Tokens, wrong: set[str], guessed: set[str]) -> None:
    """Count wrong passwords where the settings want it, and guesses of passcodes always."""
    rules = tokens.settings.security_compliance
    users = guessed | (wrong if rules.lockout_failure_attempts else set())
    if users:

        def count(tx: Tx) -> None:
            for user_id in sorted(users):
                password_rules.failed(tx, rules, user_id)

        ctx.db.run(count)


def _issue(
    tx: Tx,
    tokens: Tokens,
    wanted: auth_body.Wanted,
    proofs: list[Proof],
    user: Person,
    methods: tuple[str, ...],
) -> tuple[str, Understood]:
    user_id = user.id
    parent = next((p.parent for p in proofs if p.parent is not None), None)
    ties = _together([p.ties for p in proofs])
    asked = None if wanted.scope is None else _scope(tx, tokens, wanted.scope)
    if wanted.trust_id:
        user_id, asked, ties = _borrow(tx, user_id, wanted.trust_id, ties)
    for fixed in (p.scope for p in proofs if p.scope is not None):
        # What an application credential or an access token opens is its own project alone.
        if asked not in (None, fixed):
            raise refused()
        asked = fixed
    ends = [p.expires for p in proofs if p.expires is not None]
    rest: dict[str, Any] = {
        "parent": parent,
        "ties": ties,
        "expires": min(ends) if ends else None,
    }
    if asked is None:
        if user.default_project_id:
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


def _scope(tx: Tx, tokens: Tokens, wanted: dict[str, Any]) -> Scope | None:
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
    found = None if domain is None else tokens.project_id(tx, domain, project["name"])
    if found is None:
        raise refused()
    return Scope("project", found)
