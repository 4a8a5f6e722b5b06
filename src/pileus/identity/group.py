"""Groups, and who is in them."""

from typing import Any

from ..core.errors import BadRequest, NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import dependents, noun
from .ldap import read_only
from .revision import bump
from .rows import Domain, Group, Member, User
from .user import shown as shown_users


def _one(ctx: Context, row: Group) -> dict[str, Any]:
    return {"group": noun.view(ctx, [row])[0]}


def _list(ctx: Context) -> object:
    domain = noun.list_domain(ctx, "identity:list_groups")
    rows, marker = noun.listed(ctx, Group, [Group.domain_id == domain] if domain else [])
    return ctx.service.page(ctx, "groups", noun.view(ctx, rows), marker)


def _find(ctx: Context, rule: str) -> Group:
    return noun.find(ctx, Group, ctx.params["group_id"], f"identity:{rule}")


def _show(ctx: Context) -> object:
    return _one(ctx, _find(ctx, "get_group"))


def _create(ctx: Context) -> object:
    values, free = noun.body(ctx, Group)
    domain_id = noun.domain_of(ctx, values.get("domain_id"))
    ctx.require("identity:create_group", {"target.group.domain_id": domain_id})
    if ctx.tx.get(Domain, domain_id) is None:
        raise BadRequest(f"group.domain_id: there is no domain {domain_id!r}.")
    read_only.check_domain(ctx.tx, domain_id)
    noun.taken(ctx.tx, Group, values["name"], Group.domain_id == domain_id)
    return _one(ctx, ctx.tx.add(Group(**(values | {"domain_id": domain_id}), extra=free)))


def _update(ctx: Context) -> object:
    row = _find(ctx, "update_group")
    read_only.check_row(ctx.tx, row.id)
    values, free = noun.body(ctx, Group, row)
    if "name" in values:
        here = Group.domain_id == row.domain_id
        noun.taken(ctx.tx, Group, values["name"], here, but=row.id)
    ctx.tx.change(row, extra=row.extra | free, **values)
    return _one(ctx, row)


def _delete(ctx: Context) -> None:
    row = noun.present(ctx, Group, ctx.params["group_id"], "identity:delete_group")
    read_only.check_row(ctx.tx, row.id)
    dependents.of_group(ctx.tx, row)
    ctx.tx.remove(row)
    bump(ctx.tx)


def _users(ctx: Context) -> object:
    row = _find(ctx, "list_users_in_group")
    ids = [m.user_id for m in ctx.tx.all(Member, group_id=row.id)]
    rows, marker = noun.listed(ctx, User, [User.id.in_(ids), *noun.inside(ctx, User)])
    return ctx.service.page(ctx, "users", shown_users(ctx, rows), marker)


def _pair(ctx: Context, rule: str) -> tuple[Group, User, Member | None]:
    group = ctx.tx.get(Group, ctx.params["group_id"])
    user = ctx.tx.get(User, ctx.params["user_id"])
    ctx.require(f"identity:{rule}", noun.target(group, user))
    if group is None:
        raise noun.absent(Group, ctx.params["group_id"])
    if user is None:
        raise noun.absent(User, ctx.params["user_id"])
    return group, user, ctx.tx.get(Member, group.id, user.id)


def _check(ctx: Context) -> Response:
    _, _, member = _pair(ctx, "check_user_in_group")
    if member is None:
        raise NotFound("The user is not in this group.")
    return Response(204)


def _add(ctx: Context) -> None:
    group, user, member = _pair(ctx, "add_user_to_group")
    read_only.check_row(ctx.tx, group.id)
    if member is None:
        ctx.tx.add(Member(group_id=group.id, user_id=user.id))
        bump(ctx.tx)


def _remove(ctx: Context) -> None:
    group, _, member = _pair(ctx, "remove_user_from_group")
    read_only.check_row(ctx.tx, group.id)
    if member is None:
        raise NotFound("The user is not in this group.")
    ctx.tx.remove(member)
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of groups."""
    one = "/v3/groups/{group_id}"
    member = one + "/users/{user_id}"
    return (
        Route("GET", "/v3/groups", _list),
        Route("POST", "/v3/groups", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
        Route("GET", f"{one}/users", _users),
        Route("GET", member, _check),
        Route("PUT", member, _add, status=204),
        Route("DELETE", member, _remove, status=204),
    )
