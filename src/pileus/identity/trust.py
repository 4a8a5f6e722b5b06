"""Trusts: a user lends some of its roles on a project to another, for a while or a few logins."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Forbidden, NotFound
from ..core.resource import Resource, attr, new_hex
from ..core.types import Bool, Field, Int, ListOf, Object, Text, When
from ..wire.context import Context
from ..wire.route import Route
from . import delegation, noun, standing
from .delegation import Lending, Loan
from .payload import Scope
from .revision import bump, current
from .rows import Project, Role, User
from .tokens import Tokens, refused

_ID = Text(64, 1)
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
_DEEPEST = 3  # how often a trust may be lent on
_FORM = Object(
    {
        "trustor_user_id": Field(_ID, required=True),
        "trustee_user_id": Field(_ID, required=True),
        "impersonation": Field(Bool(), required=True),
        "project_id": Field(_ID, null=True),
        "remaining_uses": Field(Int(1, 2**31 - 1), null=True),
        "expires_at": Field(When(_STAMP), null=True),
        "allow_redelegation": Field(Bool(), null=True),
        "redelegation_count": Field(Int(0, 2**31 - 1), null=True),
        "roles": ListOf(Object({"id": _ID, "name": Text(255, 1)}, extra=True), 100),
    },
    extra=True,
)


class Trust(Resource):
    """The trustee may log in with roles of the trustor: as the trustor, with `impersonation`.

    remaining_uses: how many tokens more; None for any number. redelegation_count: how often it may
    be lent on. redelegated_trust_id: the trust that this one lends on.
    """

    one, many, table_name = "trust", "trusts", "identity_trusts"

    id = attr(_ID, key=True, default=new_hex)
    trustor_user_id = attr(_ID, filter=True, index=True)
    trustee_user_id = attr(_ID, filter=True, index=True)
    project_id = attr(_ID, null=True, index=True)
    impersonation = attr(Bool())
    remaining_uses = attr(Int(), null=True)
    expires_at = attr(When(_STAMP), null=True)
    redelegation_count = attr(Int(), default=0)
    redelegated_trust_id = attr(_ID, null=True, index=True)


class TrustRole(Resource):
    """A role that a trust lends."""

    one, many, table_name = "trust_role", "trust_roles", "identity_trust_roles"

    trust_id = attr(_ID, key=True, references="identity_trusts.id")
    role_id = attr(_ID, key=True, references="identity_roles.id", index=True)


def _role_ids(tx: Tx, trust: Trust) -> list[str]:
    return [one.role_id for one in tx.all(TrustRole, trust_id=trust.id)]


def _chain(tx: Tx, trust: Trust) -> list[Trust] | None:
    """A trust and those that it lends on, the first one last. None when one of them is over."""
    found = [trust]
    while trust.redelegated_trust_id is not None:
        above = tx.get(Trust, trust.redelegated_trust_id)
        if above is None or _over(tx, above) or standing.user(tx, above.trustee_user_id) is None:
            return None
        found.append(above)
        trust = above
    return found


def _over(tx: Tx, trust: Trust) -> bool:
    return trust.expires_at is not None and trust.expires_at <= tx.now


def _loan(tx: Tx, id_: str) -> Loan | None:
    """What the trust lends. One that is used up still stands behind the tokens that it gave."""
    trust = tx.get(Trust, id_)
    chain = None if trust is None or _over(tx, trust) else _chain(tx, trust)
    if trust is None or chain is None:
        return None
    who = trust.trustor_user_id if trust.impersonation else trust.trustee_user_id
    shown = {
        "id": trust.id,
        "impersonation": trust.impersonation,
        "trustee_user": {"id": trust.trustee_user_id},
        "trustor_user": {"id": trust.trustor_user_id},
    }
    return Loan(
        user_id=who,
        lender_id=chain[-1].trustor_user_id,
        borrower_id=trust.trustee_user_id,
        scope=Scope() if trust.project_id is None else Scope("project", trust.project_id),
        role_ids=tuple(_role_ids(tx, trust)),
        expires=trust.expires_at,
        shown={"OS-TRUST:trust": shown},
    )


def _spend(tx: Tx, id_: str) -> None:
    """Count a token against the trust. Raises Unauthorized when it is used up."""
    left = Trust.remaining_uses
    spent = sa.update(Trust.table).where(Trust.id == id_, left > 0).values(remaining_uses=left - 1)
    if not tx.update(spent, {}):
        trust = tx.get(Trust, id_)
        if trust is None or trust.remaining_uses is not None:
            raise refused()


delegation.KINDS["trust"] = Lending(_loan, _spend)


def drop(tx: Tx, trusts: list[Trust]) -> None:
    """Delete trusts and all that lend them on; their tokens end."""
    while trusts:
        ids = [trust.id for trust in trusts]
        below = tx.all(Trust, redelegated_trust_id=ids)
        tx.remove_where(TrustRole, trust_id=ids)
        tx.remove_where(Trust, id=ids)
        bump(tx)
        trusts = below


def _plain(ctx: Context) -> None:
    """Raises Forbidden for a token of an application credential: it is for its project alone."""
    if ctx.who.extra.get("application_credential"):
        raise Forbidden("A token from an application credential may not manage trusts.")


def _shown(ctx: Context, rows: list[Trust]) -> list[dict[str, Any]]:
    found = noun.view(ctx, rows, "/v3/OS-TRUST/trusts")
    for one in found:
        one["deleted_at"] = None
    return found


def _whole(ctx: Context, trust: Trust) -> dict[str, Any]:
    """A trust with its roles."""
    found = _shown(ctx, [trust])[0]
    roles = ctx.tx.all(Role, id=_role_ids(ctx.tx, trust), order=[Role.name])
    own = ctx.url(f"/v3/OS-TRUST/trusts/{trust.id}/roles")
    links = {"self": own, "next": None, "previous": None}
    return {"trust": found | {"roles": noun.view(ctx, roles), "roles_links": links}}


def _find(ctx: Context, rule: str, over: bool = False) -> Trust:
    """The trust of the path; one that is over or used up only where `over`.

    Raises NotFound before Forbidden, as upstream does for trusts.
    """
    found = noun.must(ctx.tx, Trust, ctx.params["trust_id"])
    if not over and (_over(ctx.tx, found) or found.remaining_uses == 0):
        raise noun.absent(Trust, found.id)
    ctx.require(f"identity:{rule}", noun.target(found))
    _plain(ctx)
    return found


def _list(ctx: Context) -> object:
    asked = {name: ctx.request.get(f"{name}_user_id") for name in ("trustor", "trustee")}
    name = next((name for name, id_ in asked.items() if id_), "")
    rule = f"identity:list_trusts_for_{name}" if name else "identity:list_trusts"
    ctx.require(rule, {f"target.trust.{k}_user_id": v for k, v in asked.items() if v})
    _plain(ctx)
    rows, marker = noun.listed(ctx, Trust, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "trusts", _shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return _whole(ctx, _find(ctx, "get_trust"))


def _delete(ctx: Context) -> None:
    drop(ctx.tx, [_find(ctx, "delete_trust", over=True)])


def _roles(ctx: Context) -> object:
    ids = _role_ids(ctx.tx, _find(ctx, "list_roles_for_trust"))
    found = ctx.tx.all(Role, id=ids, order=[Role.name])
    return ctx.service.page(ctx, "roles", noun.view(ctx, found), "")


def _role(ctx: Context) -> object:
    trust, key = _find(ctx, "get_role_for_trust"), ctx.params["role_id"]
    if key not in _role_ids(ctx.tx, trust):
        raise NotFound(f"The trust does not lend a role with the id {key[:255]}.")
    return {"role": noun.view(ctx, [noun.must(ctx.tx, Role, key)])[0]}


def _create(ctx: Context) -> object:
    tx = ctx.tx
    given = _FORM.parse(ctx.inner("trust"), ctx.where.at("trust"))
    ctx.require("identity:create_trust", {"target.trust.trustor_user_id": given["trustor_user_id"]})
    _plain(ctx)
    if ctx.who.extra.get("access_token_id"):
        raise Forbidden("A token from an OAuth access token cannot be lent on.")
    noun.must(tx, User, given["trustee_user_id"])
    if given.get("project_id") is not None and not given.get("roles"):
        raise Forbidden("trust.roles must name at least one role for the project.")
    expires = given.get("expires_at")
    if expires is not None and expires <= tx.now:
        raise BadRequest("trust.expires_at lies in the past.")
    above = _above(ctx)
    lender = given["trustor_user_id"] if above is None else _lender(tx, above)
    roles = _wanted(ctx, given, lender)
    row = Trust(
        trustor_user_id=given["trustor_user_id"],
        trustee_user_id=given["trustee_user_id"],
        project_id=given.get("project_id"),
        impersonation=given["impersonation"],
        remaining_uses=given.get("remaining_uses"),
        expires_at=expires,
        redelegation_count=_depth(given, above),
    )
    if above is not None:
        _lend_on(tx, row, above, roles)
    tx.add(row)
    tx.add_all([TrustRole(trust_id=row.id, role_id=role) for role in roles])
    return _whole(ctx, row)


def _above(ctx: Context) -> Trust | None:
    """The trust that the caller's own token is of. Raises Forbidden when it may not be lent on."""
    id_ = ctx.who.extra.get("trust_id")
    if not id_:
        return None
    found = noun.must(ctx.tx, Trust, id_)
    if found.redelegation_count < 1:
        raise Forbidden("The trust of this token may not be lent on.")
    return found


def _lender(tx: Tx, trust: Trust) -> str:
    chain = _chain(tx, trust)
    if chain is None:
        raise Forbidden("A trust that this one comes from is over, or one of its users is.")
    return chain[-1].trustor_user_id


def _depth(given: Mapping[str, Any], above: Trust | None) -> int:
    """How often the new trust may be lent on. Raises BadRequest, Forbidden."""
    asked = given.get("redelegation_count")
    if not given.get("allow_redelegation") or asked == 0:
        return 0
    if given.get("remaining_uses") is not None:
        raise BadRequest("trust.remaining_uses cannot be set on a trust that may be lent on.")
    if above is not None:
        left = above.redelegation_count - 1
        if asked is not None and asked != left:
            raise Forbidden(f"trust.redelegation_count is {left} here: leave it out.")
        return left
    if asked is not None and asked > _DEEPEST:
        raise Forbidden(f"trust.redelegation_count is {_DEEPEST} at most.")
    return _DEEPEST if asked is None else int(asked)


def _wanted(ctx: Context, given: Mapping[str, Any], lender: str) -> list[str]:
    """The ids of the roles to lend, all of which the lender has. Raises NotFound."""
    tx, project_id = ctx.tx, given.get("project_id")
    if project_id is None:
        return []
    noun.must(tx, Project, project_id)
    held = standing.held(tx, lender, Scope("project", project_id))
    implied = ctx.parts[Tokens].snapshot(tx, current(tx)).roles.implied
    possible = {reached for role in held for reached in implied.get(role, ())}
    found: dict[str, None] = {}
    for role in given["roles"]:
        row = tx.get(Role, role["id"]) if "id" in role else None
        if "id" not in role:
            row = tx.one(Role, name=role.get("name", ""), scope="")
        if row is None or row.id not in possible:
            named = role.get("id") or role.get("name") or ""
            raise NotFound(f"The trustor does not have the role {named!r} on the project.")
        found[row.id] = None
    return list(found)


def _lend_on(tx: Tx, row: Trust, above: Trust, roles: list[str]) -> None:
    """Make the new trust one that lends `above` on. Raises Forbidden for more than that lends."""
    if row.remaining_uses is not None:
        raise Forbidden("trust.remaining_uses cannot be set on a trust that lends another on.")
    if row.project_id != above.project_id:
        raise Forbidden("A trust is lent on for its own project only.")
    if not set(roles) <= set(_role_ids(tx, above)):
        raise Forbidden("Some of the roles are not lent by the trust that is lent on.")
    if row.impersonation and not above.impersonation:
        raise Forbidden("A trust without impersonation cannot be lent on with it.")
    row.expires_at = _earlier(row.expires_at, above.expires_at)
    row.redelegated_trust_id = above.id


def _earlier(asked: datetime | None, most: datetime | None) -> datetime | None:
    if asked is not None and most is not None and asked > most:
        raise Forbidden("trust.expires_at is later than that of the trust that is lent on.")
    return most if asked is None else asked


def routes() -> tuple[Route, ...]:
    """The routes of trusts. None changes one."""
    at = "/v3/OS-TRUST/trusts"
    one = at + "/{trust_id}"
    return (
        Route("GET", at, _list),
        Route("POST", at, _create, status=201),
        Route("GET", one, _show),
        Route("DELETE", one, _delete, status=204),
        Route("GET", f"{one}/roles", _roles),
        Route("GET", f"{one}/roles/{{role_id}}", _role),
    )
