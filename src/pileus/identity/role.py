"""Roles, and which role implies which."""

from typing import Any

from ..core.errors import BadRequest, Forbidden, NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import dependents, noun
from .application_credential import lose_role
from .revision import bump
from .rows import Domain, Implication, Role
from .standing import roles as read_roles


def _rule(verb: str, domain: object) -> str:
    return f"identity:{verb}_{'domain_role' if domain else 'role'}{'s' if verb == 'list' else ''}"


def _list(ctx: Context) -> object:
    domain = ctx.request.get("domain_id")
    rule = _rule("list", domain)
    ctx.require(rule)
    where = [Role.domain_id == domain if domain else Role.domain_id.is_(None)]
    if not ctx.allows("identity:list_roles", {}) and not domain:
        # A domain's manager sees the roles that it may give.
        where.append(Role.name.in_(["manager", "member", "reader"]))
    rows, marker = noun.listed(ctx, Role, where)
    return ctx.service.page(ctx, "roles", noun.view(ctx, rows), marker)


def _find(ctx: Context, verb: str) -> Role:
    key = ctx.params["role_id"]
    known = ctx.tx.get(Role, key)
    return noun.present(ctx, Role, key, _rule(verb, known and known.domain_id))


def _one(ctx: Context, row: Role) -> dict[str, Any]:
    return {"role": noun.view(ctx, [row])[0]}


def _show(ctx: Context) -> object:
    return _one(ctx, _find(ctx, "get"))


def _create(ctx: Context) -> object:
    values, free = noun.body(ctx, Role)
    domain = values.get("domain_id")
    ctx.require(_rule("create", domain))
    if domain and ctx.tx.get(Domain, domain) is None:
        raise BadRequest(f"role.domain_id: there is no domain {domain!r}.")
    noun.taken(ctx.tx, Role, values["name"], Role.scope == (domain or ""))
    row = ctx.tx.add(Role(scope=domain or "", extra=free, **values))
    bump(ctx.tx)
    return _one(ctx, row)


def _update(ctx: Context) -> object:
    row = _find(ctx, "update")
    values, free = noun.body(ctx, Role, row)
    noun.mutable(row, values | free)
    noun.options(row, values)
    if "name" in values:
        noun.taken(ctx.tx, Role, values["name"], Role.scope == row.scope, but=row.id)
    ctx.tx.change(row, extra=row.extra | free, **values)
    bump(ctx.tx)
    return _one(ctx, row)


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete")
    noun.mutable(row)
    dependents.of_role(ctx.tx, row)
    lose_role(ctx.tx, row.id)
    ctx.tx.remove(row)
    bump(ctx.tx)


def _brief(ctx: Context, role_id: str, name: str) -> dict[str, Any]:
    return {"id": role_id, "name": name, "links": {"self": ctx.url(f"/v3/roles/{role_id}")}}


def _implied(ctx: Context) -> object:
    prior = noun.find(ctx, Role, ctx.params["role_id"], "identity:list_implied_roles")
    ids = [i.implied_role_id for i in ctx.tx.all(Implication, prior_role_id=prior.id)]
    rows = ctx.tx.all(Role, id=ids, order=[Role.name])
    inference = {
        "prior_role": _brief(ctx, prior.id, prior.name),
        "implies": [_brief(ctx, r.id, r.name) for r in rows],
    }
    return {"role_inference": inference, "links": {"self": ctx.url(ctx.request.path)}}


def _pair(ctx: Context, rule: str) -> tuple[Role, Role]:
    prior = noun.find(ctx, Role, ctx.params["role_id"], f"identity:{rule}")
    return prior, noun.must(ctx.tx, Role, ctx.params["implied_role_id"])


def _inference(ctx: Context, prior: Role, implied: Role) -> dict[str, Any]:
    inference = {
        "prior_role": _brief(ctx, prior.id, prior.name),
        "implies": _brief(ctx, implied.id, implied.name),
    }
    return {"role_inference": inference, "links": {"self": ctx.url(ctx.request.path)}}


def _show_implied(ctx: Context) -> object:
    head = ctx.request.method == "HEAD"
    prior, implied = _pair(ctx, "check_implied_role" if head else "get_implied_role")
    if ctx.tx.get(Implication, prior.id, implied.id) is None:
        raise NotFound(f"The role {prior.name} does not imply {implied.name}.")
    return Response(204) if head else _inference(ctx, prior, implied)


def _imply(ctx: Context) -> object:
    prior, implied = _pair(ctx, "create_implied_role")
    if prior.id in read_roles(ctx.tx).implied[implied.id]:
        raise Forbidden(f"{implied.name} already implies {prior.name}: that would be a circle.")
    if implied.name == "admin":
        raise Forbidden("The role admin may not be implied by another.")
    if ctx.tx.get(Implication, prior.id, implied.id) is None:
        ctx.tx.add(Implication(prior_role_id=prior.id, implied_role_id=implied.id))
        bump(ctx.tx)
    return _inference(ctx, prior, implied)


def _imply_no_more(ctx: Context) -> None:
    prior, implied = _pair(ctx, "delete_implied_role")
    row = ctx.tx.get(Implication, prior.id, implied.id)
    if row is None:
        raise NotFound(f"The role {prior.name} does not imply {implied.name}.")
    ctx.tx.remove(row)
    bump(ctx.tx)


def _inferences(ctx: Context) -> object:
    names = read_roles(ctx.tx).names
    found: dict[str, list[dict[str, Any]]] = {}
    for one in ctx.tx.all(Implication):
        brief = _brief(ctx, one.implied_role_id, names[one.implied_role_id])
        found.setdefault(one.prior_role_id, []).append(brief)
    listed = [
        {"prior_role": _brief(ctx, prior, names[prior]), "implies": implies}
        for prior, implies in found.items()
    ]
    return {"role_inferences": listed, "links": {"self": ctx.url(ctx.request.path)}}


def routes() -> tuple[Route, ...]:
    """The routes of roles."""
    one = "/v3/roles/{role_id}"
    pair = one + "/implies/{implied_role_id}"
    rules = "identity:list_role_inference_rules"
    return (
        Route("GET", "/v3/roles", _list),
        Route("POST", "/v3/roles", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
        Route("GET", f"{one}/implies", _implied),
        Route("GET", pair, _show_implied),
        Route("PUT", pair, _imply, status=201),
        Route("DELETE", pair, _imply_no_more, status=204),
        Route("GET", "/v3/role_inferences", _inferences, policy=rules),
    )
