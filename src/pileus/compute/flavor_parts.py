"""What hangs on a flavor: extra specs and the projects that may use it."""

from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Metadata, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import extra_spec
from .flavor import Flavor, FlavorAccess, find
from .rules import rule

_SPECS = Metadata(255, 255)
_KEY = Text(255, 1, r"[a-zA-Z0-9\-_:. ]+")
_PROJECT = Object({"tenant": Text(64, 1)})


def _flavor(ctx: Context) -> Flavor:
    return find(ctx, ctx.params["flavor_id"])


def _specs(ctx: Context, body: object) -> dict[str, str]:
    found = _SPECS.parse(body, ctx.where.at("extra_specs"))
    for key, value in found.items():
        _KEY.parse(key, ctx.where.at("extra_specs"))
        extra_spec.check(key, value, ctx.version)
    return found


def list_specs(ctx: Context) -> object:
    """All extra specs."""
    return {"extra_specs": _flavor(ctx).extra_specs}


def create_specs(ctx: Context) -> object:
    """Add extra specs to those that there are."""
    wanted = _specs(ctx, ctx.inner("extra_specs"))
    flavor = _flavor(ctx)
    ctx.tx.change(flavor, extra_specs={**flavor.extra_specs, **wanted})
    return {"extra_specs": wanted}


def show_spec(ctx: Context) -> object:
    """One extra spec."""
    flavor, key = _flavor(ctx), ctx.params["key"]
    if key not in flavor.extra_specs:
        raise _no_spec(flavor, key)
    return {key: flavor.extra_specs[key]}


def update_spec(ctx: Context) -> object:
    """Set one extra spec."""
    key = ctx.params["key"]
    wanted = _specs(ctx, ctx.body)
    if list(wanted) != [key]:
        raise BadRequest(f"The body must be an object with the one key {key!r}, as in the URI.")
    flavor = _flavor(ctx)
    ctx.tx.change(flavor, extra_specs={**flavor.extra_specs, **wanted})
    return wanted


def delete_spec(ctx: Context) -> object:
    """Remove one extra spec."""
    flavor, key = _flavor(ctx), ctx.params["key"]
    if key not in flavor.extra_specs:
        raise _no_spec(flavor, key)
    left = {k: v for k, v in flavor.extra_specs.items() if k != key}
    ctx.tx.change(flavor, extra_specs=left)
    return Response(200)


def _no_spec(flavor: Flavor, key: str) -> NotFound:
    return NotFound(f"Flavor {flavor.id} has no extra specs with key {key[:255]}.")


def _access(ctx: Context, flavor: Flavor) -> object:
    rows = ctx.tx.all(FlavorAccess, flavor_id=flavor.id)
    return {
        "flavor_access": [{"flavor_id": flavor.id, "tenant_id": row.project_id} for row in rows]
    }


def list_access(ctx: Context) -> object:
    """The projects that may use a flavor that is not public."""
    flavor = _flavor(ctx)
    if flavor.is_public:
        raise NotFound("Access list not available for public flavors.")
    return _access(ctx, flavor)


def add_access(ctx: Context) -> object:
    """Let a project use the flavor."""
    ctx.require(rule("os-flavor-access:add_tenant_access"))
    body = _PROJECT.parse(ctx.inner("addTenantAccess"), ctx.where.at("addTenantAccess"))
    flavor, project = _flavor(ctx), _tenant(body)
    if flavor.is_public:
        raise Conflict("Can not add access to a public flavor.")
    if ctx.tx.get(FlavorAccess, flavor.id, project) is not None:
        raise Conflict(
            f"Flavor access already exists for flavor {flavor.id} and project {project}."
        )
    ctx.tx.add(FlavorAccess(flavor_id=flavor.id, project_id=project))
    return _access(ctx, flavor)


def remove_access(ctx: Context) -> object:
    """Do not let a project use the flavor any more."""
    ctx.require(rule("os-flavor-access:remove_tenant_access"))
    body = _PROJECT.parse(ctx.inner("removeTenantAccess"), ctx.where.at("removeTenantAccess"))
    flavor, project = _flavor(ctx), _tenant(body)
    row = ctx.tx.get(FlavorAccess, flavor.id, project)
    if row is None:
        raise NotFound(f"Flavor access not found for {flavor.id} / {project} combination.")
    ctx.tx.remove(row)
    return _access(ctx, flavor)


def _tenant(body: dict[str, str]) -> str:
    if "tenant" not in body:
        raise BadRequest("tenant is required and missing.")
    return body["tenant"]


_ONE = "/v2.1/flavors/{flavor_id}"
_SPEC = _ONE + "/os-extra_specs"
_KEYED = _SPEC + "/{key}"
_ACTION = _ONE + "/action"
_RULE = "os-flavor-extra-specs:"
ROUTES = (
    Route("GET", _SPEC, list_specs, policy=rule(_RULE + "index")),
    Route("POST", _SPEC, create_specs, policy=rule(_RULE + "create")),
    Route("GET", _KEYED, show_spec, policy=rule(_RULE + "show")),
    Route("PUT", _KEYED, update_spec, policy=rule(_RULE + "update")),
    Route("DELETE", _KEYED, delete_spec, policy=rule(_RULE + "delete")),
    Route("GET", _ONE + "/os-flavor-access", list_access, policy=rule("os-flavor-access")),
    Route("POST", _ACTION, add_access, action="addTenantAccess"),
    Route("POST", _ACTION, remove_access, action="removeTenantAccess"),
)
