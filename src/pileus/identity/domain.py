"""Domains: made, listed, shown, changed, and deleted once they are disabled."""

from collections.abc import Sequence
from typing import Any

from ..core.db import Tx
from ..core.errors import Conflict, Forbidden
from ..wire.context import Context
from ..wire.route import Route
from . import dependents, noun
from .federation.identity_provider import drop_of_domain
from .project import drop as drop_project
from .revision import bump, revoke
from .rows import Assignment, Domain, Group, Project, Role, User
from .tokens import Tokens
from .user import drop as drop_user

DEFAULT = "default"


def shown(ctx: Context, domains: Sequence[Domain]) -> list[dict[str, Any]]:
    """The domains as JSON."""
    return noun.view(ctx, domains)


def _list(ctx: Context) -> object:
    own = ctx.who.domain_id
    ctx.require("identity:list_domains", {"target.domain.id": own or None})
    where = [Domain.id == own] if own else []
    rows, marker = noun.listed(ctx, Domain, where)
    return ctx.service.page(ctx, "domains", shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    row = noun.find(ctx, Domain, ctx.params["domain_id"], "identity:get_domain")
    return {"domain": shown(ctx, [row])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_domain")
    values, free = noun.body(ctx, Domain)
    return {"domain": shown(ctx, [make(ctx.tx, values, free)])[0]}


def make(tx: Tx, values: dict[str, Any], free: dict[str, Any]) -> Domain:
    """A new domain of these values. Raises Conflict."""
    noun.taken(tx, Domain, values["name"])
    return tx.add(Domain(extra=free, **values))


def _update(ctx: Context) -> object:
    row = noun.present(ctx, Domain, ctx.params["domain_id"], "identity:update_domain")
    values, free = noun.body(ctx, Domain, row)
    change(ctx, row, values, free)
    return {"domain": shown(ctx, [row])[0]}


def change(ctx: Context, row: Domain, values: dict[str, Any], free: dict[str, Any]) -> None:
    """Change a domain; tokens about it and all in it end when it is disabled.

    Raises Conflict, Forbidden.
    """
    tx = ctx.tx
    noun.mutable(row, values | free)
    noun.options(row, values)
    if "name" in values:
        noun.taken(tx, Domain, values["name"], but=row.id)
    tx.change(row, extra=row.extra | free, **values)
    if values.get("enabled") is False:
        people = [f"user:{u.id}" for u in tx.all(User, domain_id=row.id)]
        places = [f"project:{p.id}" for p in tx.all(Project, domain_id=row.id)]
        revoke(tx, ctx.parts[Tokens].hours, f"domain:{row.id}", *people, *places)
    else:
        bump(tx)


def _delete(ctx: Context) -> None:
    row = noun.find(ctx, Domain, ctx.params["domain_id"], "identity:delete_domain")
    remove(ctx, row)


def remove(ctx: Context, row: Domain) -> None:
    """Delete a disabled domain and all in it. Raises Forbidden, Conflict."""
    tx, hours = ctx.tx, ctx.parts[Tokens].hours
    noun.mutable(row)
    if row.id == DEFAULT:
        raise Forbidden("The default domain cannot be deleted.")
    if row.enabled:
        raise Forbidden("An enabled domain cannot be deleted: disable it first.")
    roles = tx.all(Role, domain_id=row.id)
    if roles and tx.exists(Assignment, role_id=[r.id for r in roles]):
        raise Conflict("Roles of this domain are still assigned: revoke them first.")
    drop_of_domain(tx, row.id, hours)
    for user in tx.all(User, domain_id=row.id):
        drop_user(tx, user, hours)
    for project in tx.all(Project, domain_id=row.id):
        drop_project(tx, project, hours)
    for group in tx.all(Group, domain_id=row.id):
        dependents.of_group(tx, group)
        tx.remove(group)
    for role in roles:
        dependents.of_role(tx, role)
        tx.remove(role)
    dependents.of_domain(tx, row)
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
