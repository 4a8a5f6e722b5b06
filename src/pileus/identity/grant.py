"""Grants: give, check, list and take away a role of a user or group on a target."""

from dataclasses import dataclass

from ..core.db import Tx
from ..core.errors import Forbidden, NotFound
from ..core.resource import Resource
from ..wire.context import Context, Response
from ..wire.route import Route
from . import noun
from .revision import bump
from .rows import Assignment, Domain, Group, Project, Role, User
from .standing import SYSTEM

_ACTORS: dict[str, type[Resource]] = {"user": User, "group": Group}
_TARGETS: dict[str, type[Resource]] = {"project": Project, "domain": Domain}


@dataclass(frozen=True)
class _Where:
    """Whose role on what, from the path."""

    actor: str
    actor_id: str
    target: str
    target_id: str
    inherited: bool
    things: tuple[Resource | None, ...]

    def row(self, tx: Tx, role_id: str) -> Assignment | None:
        return tx.get(Assignment, self.actor_id, self.target_id, role_id, self.inherited)


def _where(ctx: Context) -> _Where:
    params = ctx.params
    actor = "user" if "user_id" in params else "group"
    target = next((t for t in _TARGETS if f"{t}_id" in params), "system")
    actor_id = params[f"{actor}_id"]
    target_id = SYSTEM if target == "system" else params[f"{target}_id"]
    inherited = ctx.route.path.startswith("/v3/OS-INHERIT/")
    things = [ctx.tx.get(_ACTORS[actor], actor_id)]
    if target != "system":
        things.append(ctx.tx.get(_TARGETS[target], target_id))
    return _Where(actor, actor_id, target, target_id, inherited, tuple(things))


def _check(ctx: Context, verb: str, role: Role | None = None) -> _Where:
    """Where the grant is, after policy; raises NotFound when the actor or target is not there."""
    found = _where(ctx)
    if found.target == "system":
        plural = "s" if verb == "list" else ""
        ctx.require(f"identity:{verb}_system_grant{plural}_for_{found.actor}")
    else:
        rule = "list_grants" if verb == "list" else f"{verb}_grant"
        ctx.require(f"identity:{rule}", noun.target(*found.things, role))
    ids = (found.actor_id, found.target_id)
    kinds = (_ACTORS[found.actor], _TARGETS.get(found.target, Project))
    for cls, key, thing in zip(kinds, ids, found.things, strict=False):
        # What is gone may still have grants to take away; nothing new is given to it.
        if thing is None and verb != "revoke":
            raise noun.absent(cls, key)
    return found


def _with_role(ctx: Context, verb: str) -> tuple[_Where, Role]:
    key = ctx.params["role_id"]
    role = ctx.tx.get(Role, key)
    found = _check(ctx, verb, role)
    if role is None:
        raise noun.absent(Role, key)
    return found, role


def _list(ctx: Context) -> object:
    at = _check(ctx, "list")
    rows = ctx.tx.all(
        Assignment,
        Assignment.actor_id == at.actor_id,
        Assignment.target_id == at.target_id,
        Assignment.inherited.is_(at.inherited),
    )
    ids = [row.role_id for row in rows]
    found = ctx.tx.all(Role, id=ids, order=[Role.name])
    return ctx.service.page(ctx, "roles", noun.view(ctx, found), "")


def _show(ctx: Context) -> Response:
    at, role = _with_role(ctx, "check")
    if at.row(ctx.tx, role.id) is None:
        raise NotFound(f"The {at.actor} does not have the role {role.name} on this {at.target}.")
    return Response(204)


def _give(ctx: Context) -> None:
    at, role = _with_role(ctx, "create")
    project = next((one for one in at.things if isinstance(one, Project)), None)
    if project is not None and role.domain_id not in (None, project.domain_id):
        raise Forbidden(f"The role {role.name} is of another domain than the project.")
    grant(ctx.tx, at.actor, at.actor_id, at.target, at.target_id, role.id, at.inherited)


def grant(
    tx: Tx,
    actor: str,
    actor_id: str,
    target: str,
    target_id: str,
    role_id: str,
    inherited: bool = False,
) -> None:
    """Give a role; giving it twice is no error."""
    if tx.get(Assignment, actor_id, target_id, role_id, inherited) is None:
        row = Assignment(
            actor_id=actor_id, target_id=target_id, role_id=role_id, inherited=inherited
        )
        row.actor, row.target = actor, target
        tx.add(row)
        bump(tx)


def _take(ctx: Context) -> None:
    at, role = _with_role(ctx, "revoke")
    row = at.row(ctx.tx, role.id)
    if row is None:
        raise NotFound(f"The {at.actor} does not have the role {role.name} on this {at.target}.")
    ctx.tx.remove(row)
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of grants, plain and inherited."""
    found: list[Route] = []
    for target in ("/v3/projects/{project_id}", "/v3/domains/{domain_id}", "/v3/system"):
        for actor in ("users/{user_id}", "groups/{group_id}"):
            roles = f"{target}/{actor}/roles"
            found += _four(roles, "")
            if target != "/v3/system":
                found += _four("/v3/OS-INHERIT" + roles[3:], "/inherited_to_projects")
    return tuple(found)


def _four(roles: str, end: str) -> list[Route]:
    one = f"{roles}/{{role_id}}{end}"
    return [
        Route("GET", f"{roles}{end}", _list),
        Route("GET", one, _show),
        Route("PUT", one, _give, status=204),
        Route("DELETE", one, _take, status=204),
    ]
