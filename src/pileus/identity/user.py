"""Users: made, listed, shown, changed and deleted; their passwords and what they can reach."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, NotFound
from ..core.types import Text, When, Where
from ..wire.context import Context
from ..wire.route import Route
from . import dependents, noun, password_rules, user_options, user_password
from .auth_tokens import projects
from .federation import of_user
from .ldap import read_only
from .passwords import LONGEST
from .revision import bump, revoke
from .rows import Domain, Group, User
from .settings import SecurityCompliance
from .standing import groups_of
from .tokens import Tokens

PASSWORD = Text(LONGEST, 1)
_OWN_KEYS = ("password", "original_password", "options", of_user.KEY)
_COMPARED = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}


def shown(ctx: Context, users: Sequence[User]) -> list[dict[str, Any]]:
    """The users as JSON."""
    found = noun.view(ctx, users)
    rules = ctx.parts[Tokens].settings.security_compliance
    for one, user in zip(found, users, strict=True):
        if user.enabled and password_rules.asleep(rules, user, ctx.tx.now):
            one["enabled"] = False
        if user.default_project_id is not None:
            one["default_project_id"] = user.default_project_id
    of_user.show(ctx.tx, found)
    return found


def _list(ctx: Context) -> object:
    domain = noun.list_domain(ctx, "identity:list_users")
    where = [User.domain_id == domain] if domain else []
    where += [_ends(value) for value in ctx.request.every("password_expires_at")]
    where += of_user.conditions(ctx)
    rows, marker = noun.listed(ctx, User, where)
    return ctx.service.page(ctx, "users", shown(ctx, rows), marker)


def _ends(text: str) -> "sa.ColumnElement[bool]":
    """The condition that `password_expires_at=lt:2030-01-01T00:00:00Z` is. Raises BadRequest."""
    how, _, moment = ("eq", "", text) if text[:1].isdigit() else text.partition(":")
    compared = _COMPARED.get(how)
    if compared is None:
        raise BadRequest(
            f"password_expires_at: {text[:80]!r} must be a time, or one of"
            f" {', '.join(_COMPARED)} with a colon before it."
        )
    given = When().read(moment, Where("password_expires_at"))
    found: sa.ColumnElement[bool] = compared(User.password_expires_at, given)
    return found


def _show(ctx: Context) -> object:
    row = noun.find(ctx, User, ctx.params["user_id"], "identity:get_user")
    return {"user": shown(ctx, [row])[0]}


def _password(ctx: Context, rules: SecurityCompliance) -> str | None:
    value = ctx.inner("user")
    given = value.get("password") if isinstance(value, dict) else None
    if given is None:
        return None
    password = PASSWORD.parse(given, ctx.where.at("user").at("password"))
    password_rules.strong(rules, password)
    return password


def _options(ctx: Context, now: Mapping[str, Any]) -> dict[str, Any]:
    where = ctx.where.at("user").at("options")
    given = ctx.inner("user").get("options")
    return user_options.changed(now, {} if given is None else given, where)


def _create(ctx: Context) -> object:
    values, free = noun.body(ctx, User, skip=_OWN_KEYS)
    options = _options(ctx, {})
    # A domain's manager names the domain: what is left out is nobody's.
    ctx.require("identity:create_user", {"target.user.domain_id": values.get("domain_id")})
    domain_id = noun.domain_of(ctx, values.get("domain_id"))
    tokens = ctx.parts[Tokens]
    rules = tokens.settings.security_compliance
    password, federated = _password(ctx, rules), of_user.read(ctx)
    stored = None if password is None else tokens.passwords.hash(password)

    def work(tx: Tx) -> object:
        ctx._tx = tx
        if tx.get(Domain, domain_id) is None:
            raise NotFound(f"user.domain_id: there is no domain {domain_id!r}.")
        read_only.check_domain(tx, domain_id)
        noun.taken(tx, User, values["name"], User.domain_id == domain_id)
        fixed = {"domain_id": domain_id, "options": options}
        fixed |= password_rules.fresh(tx.now, rules, options, stored, own=False)
        row = tx.add(User(**(values | fixed), extra=free))
        of_user.store(tx, row.id, federated)
        return {"user": shown(ctx, [row])[0]}

    return ctx.db.run(work)


def _update(ctx: Context) -> object:
    key = ctx.params["user_id"]

    def look(tx: Tx) -> None:
        ctx._tx = tx
        noun.find(ctx, User, key, "identity:update_user")

    ctx.db.read(look)
    tokens = ctx.parts[Tokens]
    rules = tokens.settings.security_compliance
    password = _password(ctx, rules)
    stored = None if password is None else tokens.passwords.hash(password)

    def work(tx: Tx) -> object:
        ctx._tx = tx
        row = noun.find(ctx, User, key, "identity:update_user")
        read_only.check_row(tx, row.id)
        values, free = noun.body(ctx, User, row, skip=_OWN_KEYS)
        if "name" in values:
            noun.taken(tx, User, values["name"], User.domain_id == row.domain_id, but=row.id)
        if values.get("enabled"):
            values |= {"failures": None, "failed_at": None, "last_active_at": tx.now}
        values["options"] = _options(ctx, row.options)
        tx.change(row, extra=row.extra | free, **values)
        of_user.store(tx, row.id, of_user.read(ctx))
        if password is not None:
            password_rules.set_password(tx, rules, row, stored, own=False)
        if password is not None or values.get("enabled") is False:
            revoke(tx, tokens.hours, f"user:{row.id}")
        else:
            bump(tx)  # tokens show the user's name
        return {"user": shown(ctx, [row])[0]}

    return ctx.db.run(work)


def _delete(ctx: Context) -> None:
    row = noun.find(ctx, User, ctx.params["user_id"], "identity:delete_user")
    read_only.check_row(ctx.tx, row.id)
    drop(ctx.tx, row, ctx.parts[Tokens].hours)


def drop(tx: Tx, user: User, hours: float) -> None:
    """Delete a user and all that identity holds for it; `hours`: how long tokens live."""
    dependents.of_user(tx, user)
    tx.remove(user)
    revoke(tx, hours, f"user:{user.id}")


def _projects(ctx: Context) -> object:
    from .project import shown as shown_projects

    row = noun.find(ctx, User, ctx.params["user_id"], "identity:list_user_projects")
    found = shown_projects(ctx, projects(ctx.tx, row.id))
    return ctx.service.page(ctx, "projects", found, "")


def _groups(ctx: Context) -> object:
    row = noun.find(ctx, User, ctx.params["user_id"], "identity:list_groups_for_user")
    rows, marker = noun.listed(
        ctx, Group, [Group.id.in_(groups_of(ctx.tx, row.id)), *noun.inside(ctx, Group)]
    )
    shown_groups = noun.view(ctx, rows)
    of_user.show_ends(ctx.tx, row.id, shown_groups)
    return ctx.service.page(ctx, "groups", shown_groups, marker)


def routes() -> tuple[Route, ...]:
    """The routes of users. Those that may hash a password open their own transactions."""
    one = "/v3/users/{user_id}"
    return (
        Route("GET", "/v3/users", _list),
        Route("POST", "/v3/users", _create, tx="none", status=201, slow=True),
        Route("GET", one, _show),
        Route("PATCH", one, _update, tx="none", slow=True),
        Route("DELETE", one, _delete, status=204),
        Route("POST", f"{one}/password", user_password.change, tx="none", auth=False, slow=True),
        Route("GET", f"{one}/projects", _projects),
        Route("GET", f"{one}/groups", _groups),
    )
