"""What can be done with a token that is out: show, check and revoke it; and what it opens."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Forbidden, NotFound, Unauthorized
from ..wire.context import Context, Response
from ..wire.route import Route
from . import token_body
from .catalog import filled
from .revision import current, revoke
from .rows import Assignment, Domain, Project
from .standing import SYSTEM, groups_of
from .tokens import Tokens, Understood


def subject(ctx: Context, rule: str) -> tuple[str, Understood]:
    """The token in X-Subject-Token, which the caller may see. Raises NotFound.

    A call of its own reads it as cheaply as it reads the caller's; within a transaction, in that.
    """
    tokens = ctx.parts[Tokens]
    token = ctx.request.headers.get("x-subject-token", "")
    if not token:
        raise BadRequest("The header X-Subject-Token is missing: it names the token to look at.")
    late = 0.0
    if (ctx.request.get("allow_expired") or "") in ("1", "true", "True"):
        late = tokens.late
    try:
        if ctx.route.tx == "none":
            caller = ctx.request.headers.get("x-auth-token", "")
            found = tokens.see(token, late, caller)
        else:
            found = tokens.understand(ctx.tx, token, late)
    except Unauthorized:
        raise NotFound("The token in X-Subject-Token is not valid.") from None
    ctx.require(rule, {"target.token.user_id": found.user.id})
    return token, found


def show(ctx: Context) -> Response:
    """GET and HEAD /v3/auth/tokens."""
    head = ctx.request.method == "HEAD"
    rule = "identity:check_token" if head else "identity:validate_token"
    token, found = subject(ctx, rule)
    headers = {"X-Subject-Token": token, "Vary": "X-Auth-Token"}
    stored = ctx.parts[Tokens].catalog(found.revision)
    body = token_body.body(found, stored, ctx.request.get("nocatalog") is None)
    return Response(200, body, headers)


def remove(ctx: Context) -> None:
    """DELETE /v3/auth/tokens."""
    _, found = subject(ctx, "identity:revoke_token")
    revoke(ctx.tx, ctx.parts[Tokens].hours, f"audit:{found.payload.audit_ids[0]}")


def show_catalog(ctx: Context) -> object:
    """GET /v3/auth/catalog: for a token with a scope."""
    who = ctx.who
    if not (who.project_id or who.domain_id or who.system):
        raise Forbidden("This token is for no project, domain or system, so it has no catalog.")
    stored = ctx.parts[Tokens].snapshot(ctx.tx, current(ctx.tx)).catalog
    here = ctx.url("/v3/auth/catalog")
    links = {"self": here, "previous": None, "next": None}
    return {"catalog": filled(stored, who.project_id, who.user_id), "links": links}


def projects(tx: Tx, user_id: str, groups: Collection[str] = ()) -> list[Project]:
    """The enabled projects that the user has a role on; `groups` as in `standing.held`."""
    plain, down = _targets(tx, user_id, groups)
    found = tx.all(
        Project,
        Project.enabled.is_(True),
        sa.or_(Project.id.in_(plain), Project.domain_id.in_(down), Project.parent_id.in_(down)),
        order=[Project.name],
    )
    if not down:
        return found
    # A role inherited from a project reaches all below it, however deep.
    seen = {p.id for p in found}
    edge = [p.id for p in found if p.parent_id in down and p.domain_id not in down]
    while edge:
        deeper = tx.all(Project, enabled=True, parent_id=edge)
        fresh = [p for p in deeper if p.id not in seen]
        found += fresh
        seen |= {p.id for p in fresh}
        edge = [p.id for p in fresh]
    return found


def _targets(tx: Tx, user_id: str, groups: Collection[str]) -> tuple[list[str], list[str]]:
    actors = {user_id, *groups, *groups_of(tx, user_id)}
    rows = tx.all(Assignment, actor_id=sorted(actors))
    plain = {r.target_id for r in rows if not r.inherited}
    return sorted(plain), sorted({r.target_id for r in rows if r.inherited})


def _brought(ctx: Context) -> Collection[str]:
    """The groups that a federated token brings along."""
    found: Collection[str] = ctx.who.extra.get("federated_groups", ())
    return found


def list_projects(ctx: Context) -> object:
    """GET /v3/auth/projects."""
    from .project import shown

    found = projects(ctx.tx, ctx.who.user_id, _brought(ctx))
    return ctx.service.page(ctx, "projects", shown(ctx, found), "")


def list_domains(ctx: Context) -> object:
    """GET /v3/auth/domains."""
    from .domain import shown

    plain, _ = _targets(ctx.tx, ctx.who.user_id, _brought(ctx))
    found = ctx.tx.all(Domain, enabled=True, id=plain, order=[Domain.name])
    return ctx.service.page(ctx, "domains", shown(ctx, found), "")


def list_system(ctx: Context) -> object:
    """GET /v3/auth/system: `{"system": [{"all": true}]}` for who has a role on the system."""
    plain, _ = _targets(ctx.tx, ctx.who.user_id, _brought(ctx))
    found: list[dict[str, Any]] = [{"all": True}] if SYSTEM in plain else []
    return {"system": found, "links": {"self": ctx.url("/v3/auth/system")}}


def routes() -> tuple[Route, ...]:
    """The routes of tokens that are out."""
    at = "/v3/auth"
    return (
        Route("GET", f"{at}/tokens", show, tx="none"),
        Route("DELETE", f"{at}/tokens", remove, status=204),
        Route("GET", f"{at}/catalog", show_catalog, policy="identity:get_auth_catalog"),
        Route("GET", f"{at}/projects", list_projects, policy="identity:get_auth_projects"),
        Route("GET", f"{at}/domains", list_domains, policy="identity:get_auth_domains"),
        Route("GET", f"{at}/system", list_system, policy="identity:get_auth_system"),
    )
