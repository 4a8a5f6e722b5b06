"""Domains: made, listed, shown, changed, and deleted once they are disabled."""

from collections.abc import Sequence
from typing import Any

from ..core.errors import Conflict, Forbidden
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .federation.identity_provider import drop_of_domain
from .federation.rows import ExpiringMember
from .ldap import domain_config, read_only
from .project import drop as drop_project
from .revision import bump, revoke
from .rows import Assignment, Domain, Group, Implication, Member, Project, Role, User
from .tokens import Tokens
from .user import drop as drop_user

DEFAULT = "default"


def shown(ctx: Context, domains: Sequence[Domain]) -> list[dict[str, Any]]:
    """The domains as JSON."""
    return noun.view(ctx, domains)


def _list(ctx: Context) -> object:
    where = []
    if not ctx.allows("identity:list_domains", {}):
        ctx.require("identity:list_domains", {"target.domain.id": ctx.who.domain_id or None})
        where = [Domain.id == ctx.who.domain_id]
    rows, marker = noun.listed(ctx, Domain, where)
    return ctx.service.page(ctx, "domains", shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    row = noun.find(ctx, Domain, ctx.params["domain_id"], "identity:get_domain")
    return {"domain": shown(ctx, [row])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_domain")
    values, free = noun.body(ctx, Domain)
    noun.taken(ctx.tx, Domain, values["name"])
    row = ctx.tx.add(Domain(extra=free, **values))
    return {"domain": shown(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    tx = ctx.tx
    row = noun.find(ctx, Domain, ctx.params["domain_id"], "identity:update_domain")
    values, free = noun.body(ctx, Domain, row)
    if "name" in values:
        noun.taken(tx, Domain, values["name"], but=row.id)
    tx.change(row, extra=row.extra | free, **values)
    if values.get("enabled") is False:
        people = [f"user:{u.id}" for u in tx.all(User, domain_id=row.id)]
        places = [f"project:{p.id}" for p in tx.all(Project, domain_id=row.id)]
        revoke(tx, ctx.parts[Tokens].hours, f"domain:{row.id}", *people, *places)
    else:
        bump(tx)
    return {"domain": shown(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    tx, hours = ctx.tx, ctx.parts[Tokens].hours
    row = noun.find(ctx, Domain, ctx.params["domain_id"], "identity:delete_domain")
    if row.id == DEFAULT:
        raise Forbidden("The default domain cannot be deleted.")
    if row.enabled:
        raise Forbidden("An enabled domain cannot be deleted: disable it first.")
    roles = [r.id for r in tx.all(Role, domain_id=row.id)]
    if roles and tx.exists(Assignment, role_id=roles):
        raise Conflict("Roles of this domain are still assigned: revoke them first.")
    drop_of_domain(tx, row.id, hours)
    domain_config.forget(tx, row.id)
    for user in tx.all(User, domain_id=row.id):
        drop_user(tx, user, hours)
    for project in tx.all(Project, domain_id=row.id):
        drop_project(tx, project, hours)
    for group in tx.all(Group, domain_id=row.id):
        tx.remove_where(Member, group_id=group.id)
        tx.remove_where(ExpiringMember, group_id=group.id)
        read_only.forget(tx, group.id)
        tx.remove_where(Assignment, actor_id=group.id)
        tx.remove(group)
    tx.remove_where(Implication, prior_role_id=roles)
    tx.remove_where(Implication, implied_role_id=roles)
    tx.remove_where(Role, id=roles)
    tx.remove_where(Assignment, target_id=row.id)
    tx.remove(row)
    revoke(tx, hours, f"domain:{row.id}")


def routes() -> tuple[Route, ...]:
    """The routes of domains."""
    one = "/v3/domains/{domain_id}"
    return (
        Route("GET", "/v3/domains", _list),
        Route("POST", "/v3/domains", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
