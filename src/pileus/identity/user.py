"""Users: made, listed, shown, changed and deleted; their passwords and what they can reach."""

from collections.abc import Sequence
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, NotFound, Unauthorized
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import dependents, noun
from .auth_tokens import projects
from .federation import of_user
from .ldap import read_only
from .passwords import LONGEST
from .revision import bump, revoke
from .rows import Domain, Group, User
from .standing import groups_of
from .tokens import Tokens

_PASSWORD = Text(LONGEST, 1)
_CHANGE = Object(
    {
        "password": Field(_PASSWORD, required=True),
        "original_password": Field(_PASSWORD, required=True),
    },
    extra=True,
)
_READ_APART = ("password", "original_password", of_user.KEY)


def shown(ctx: Context, users: Sequence[User]) -> list[dict[str, Any]]:
    """The users as JSON."""
    found = noun.view(ctx, users)
    for one, user in zip(found, users, strict=True):
        if user.default_project_id is not None:
            one["default_project_id"] = user.default_project_id
    of_user.show(ctx.tx, found)
    return found


def _list(ctx: Context) -> object:
    domain = noun.list_domain(ctx, "identity:list_users")
    rows, marker = noun.listed(
        ctx, User, [*([User.domain_id == domain] if domain else []), *of_user.conditions(ctx)]
    )
    return ctx.service.page(ctx, "users", shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    row = noun.find(ctx, User, ctx.params["user_id"], "identity:get_user")
    return {"user": shown(ctx, [row])[0]}


def _password(ctx: Context) -> str | None:
    value = ctx.inner("user")
    given = value.get("password") if isinstance(value, dict) else None
    return None if given is None else _PASSWORD.parse(given, ctx.where.at("user").at("password"))


def _create(ctx: Context) -> object:
    values, free = noun.body(ctx, User, skip=_READ_APART)
    # A domain's manager names the domain: what is left out is nobody's.
    ctx.require("identity:create_user", {"target.user.domain_id": values.get("domain_id")})
    domain_id = noun.domain_of(ctx, values.get("domain_id"))
    password, federated = _password(ctx), of_user.read(ctx)
    stored = None if password is None else ctx.parts[Tokens].passwords.hash(password)

    def work(tx: Tx) -> object:
        ctx._tx = tx
        if tx.get(Domain, domain_id) is None:
            raise NotFound(f"user.domain_id: there is no domain {domain_id!r}.")
        read_only.check_domain(tx, domain_id)
        noun.taken(tx, User, values["name"], User.domain_id == domain_id)
        fixed = {"domain_id": domain_id, "password_hash": stored}
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
    password = _password(ctx)
    stored = None if password is None else ctx.parts[Tokens].passwords.hash(password)

    def work(tx: Tx) -> object:
        ctx._tx = tx
        row = noun.find(ctx, User, key, "identity:update_user")
        read_only.check_row(tx, row.id)
        values, free = noun.body(ctx, User, row, skip=_READ_APART)
        if "name" in values:
            noun.taken(tx, User, values["name"], User.domain_id == row.domain_id, but=row.id)
        if password is not None:
            values["password_hash"] = stored
        tx.change(row, extra=row.extra | free, **values)
        of_user.store(tx, row.id, of_user.read(ctx))
        if password is not None or values.get("enabled") is False:
            revoke(tx, ctx.parts[Tokens].hours, f"user:{row.id}")
        else:
            bump(tx)  # tokens show the user's name
        return {"user": shown(ctx, [row])[0]}

    return ctx.db.run(work)


def _change_password(ctx: Context) -> Response:
    """POST /v3/users/{id}/password: by who knows the old one, without a token."""
    given = _CHANGE.parse(ctx.inner("user"), ctx.where.at("user"))
    key = ctx.params["user_id"]
    passwords = ctx.parts[Tokens].passwords
    row = ctx.db.read(lambda tx: tx.get(User, key))
    usable = row is not None and row.enabled
    old = row.password_hash if row is not None and usable else None
    if not passwords.matches(given["original_password"], old):
        raise Unauthorized("The user or its present password is wrong.")
    if given["password"] == given["original_password"]:
        raise BadRequest("user.password must differ from the present password.")
    stored = passwords.hash(given["password"])

    def work(tx: Tx) -> None:
        read_only.check_row(tx, key)
        if not tx.set(User, User.id == key, User.password_hash == old, password_hash=stored):
            raise Unauthorized("The user or its present password is wrong.")
        revoke(tx, ctx.parts[Tokens].hours, f"user:{key}")

    ctx.db.run(work)
    return Response(204)


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
        Route("POST", f"{one}/password", _change_password, tx="none", auth=False, slow=True),
        Route("GET", f"{one}/projects", _projects),
        Route("GET", f"{one}/groups", _groups),
    )
