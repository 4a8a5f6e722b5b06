"""Limits and quota sets: the documents that show and change a project's quota."""

from collections.abc import Mapping
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Forbidden
from ..core.quota import QuotaLimit
from ..core.quota import limits as limits_of
from ..core.types import Bool, Field, Int, Object
from ..wire.context import Context, Response
from ..wire.route import Route
from .group import ServerGroup
from .quota import DEFAULTS, usage
from .rules import rule

# What the network service limits now; shown without a limit where an old version wants it.
_NETWORK = ("floating_ips", "fixed_ips", "security_groups", "security_group_rules")
_FILES = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")


def _names(ctx: Context) -> list[str]:
    names = [*DEFAULTS]
    if ctx.version < (2, 36):
        names += _NETWORK
    if ctx.version >= (2, 57):
        names = [name for name in names if name not in _FILES]
    return names


def _limits(ctx: Context, project_id: str) -> dict[str, int]:
    found = limits_of(ctx.tx, "compute", project_id, DEFAULTS)
    return {name: found.get(name, -1) for name in _names(ctx)}


def _groups(tx: Tx, project_id: str) -> int:
    return tx.count(ServerGroup, project_id=project_id)


def show_limits(ctx: Context) -> object:
    """The limits and usage of the caller's project, or, for an admin, of `tenant_id`."""
    project = ctx.request.get("tenant_id") or ctx.who.project_id
    if project != ctx.who.project_id:
        ctx.require(rule("limits:other_project"))
    most, used = limits_of(ctx.tx, "compute", project, DEFAULTS), usage(ctx.tx, project)
    absolute = {
        "maxServerMeta": most["metadata_items"],
        "maxTotalInstances": most["instances"],
        "maxTotalCores": most["cores"],
        "maxTotalRAMSize": most["ram"],
        "maxTotalKeypairs": most["key_pairs"],
        "maxServerGroups": most["server_groups"],
        "maxServerGroupMembers": most["server_group_members"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
        "totalServerGroupsUsed": _groups(ctx.tx, project),
    }
    if ctx.version < (2, 57):
        absolute |= {
            "maxPersonality": most["injected_files"],
            "maxPersonalitySize": most["injected_file_content_bytes"],
        }
    if ctx.version < (2, 39):
        absolute["maxImageMeta"] = most["metadata_items"]
    if ctx.version < (2, 36):
        for name in ("SecurityGroupRules", "SecurityGroups", "TotalFloatingIps"):
            absolute[f"max{name}"] = -1
        absolute |= {"totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}
    return {"limits": {"rate": [], "absolute": absolute}}


def _project(ctx: Context, name: str) -> str:
    project: str = ctx.params["project_id"]
    ctx.require(rule(name), {"project_id": project})
    return project


def show(ctx: Context) -> object:
    """A project's limits."""
    project = _project(ctx, "os-quota-sets:show")
    return {"quota_set": {"id": project} | _limits(ctx, project)}


def defaults(ctx: Context) -> object:
    """The limits of a project that has none of its own."""
    return {"quota_set": {"id": ctx.params["project_id"]} | _limits(ctx, "")}


def detail(ctx: Context) -> object:
    """A project's limits with what is in use."""
    project = _project(ctx, "os-quota-sets:show")
    used = usage(ctx.tx, project) | {"server_groups": _groups(ctx.tx, project)}
    shown: dict[str, Any] = {"id": project}
    for name, limit in _limits(ctx, project).items():
        shown[name] = {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
    return {"quota_set": shown}


def update(ctx: Context) -> object:
    """Give a project its own limits. Without `force` none may lie below what is in use."""
    project = _project(ctx, "os-quota-sets:update")
    number = Int(-1, 2**31 - 1, strings=True)
    fields: dict[str, Field | Any] = {name: Field(number, null=True) for name in _names(ctx)}
    fields |= {"force": Bool(strings=True), "tenant_id": Field(_Anything(), until=(2, 35))}
    body = Object(fields).parse(ctx.inner("quota_set"), ctx.where.at("quota_set"))
    force = body.pop("force", False)
    body.pop("tenant_id", None)
    if not force:
        _not_below_use(ctx, project, body)
    for name, value in body.items():
        if value is None or name not in DEFAULTS:
            continue
        row = ctx.tx.get(QuotaLimit, "compute", project, name)
        if row is None:
            ctx.tx.add(
                QuotaLimit(service="compute", project_id=project, resource=name, value=value)
            )
        else:
            ctx.tx.change(row, value=value)
    return {"quota_set": _limits(ctx, project)}


def _not_below_use(ctx: Context, project: str, wanted: Mapping[str, int | None]) -> None:
    used = usage(ctx.tx, project)
    for name, value in wanted.items():
        if value is not None and 0 <= value < used.get(name, 0):
            raise BadRequest(
                f"Quota limit {value} for {name} must be greater than or equal to already used"
                f" and reserved {used[name]}."
            )


def delete(ctx: Context) -> object:
    """Back to the defaults."""
    project = _project(ctx, "os-quota-sets:delete")
    ctx.tx.remove_where(QuotaLimit, service="compute", project_id=project)
    return Response(202)


def _class(ctx: Context, verb: str) -> str:
    ctx.require(rule(f"os-quota-class-sets:{verb}"))
    return ctx.params["class_id"]


def show_class(ctx: Context) -> object:
    """The defaults as a quota class; only the class "default" means anything."""
    name = _class(ctx, "show")
    return {"quota_class_set": {"id": name} | _class_limits(ctx)}


def update_class(ctx: Context) -> object:
    """Change the defaults of every project that has no limit of its own."""
    if _class(ctx, "update") != "default":
        raise Forbidden("Only the quota class 'default' can be changed.")
    number = Int(-1, 2**31 - 1, strings=True)
    shape = Object(dict.fromkeys(_class_limits(ctx), number))
    body = shape.parse(ctx.inner("quota_class_set"), ctx.where.at("quota_class_set"))
    for name, value in body.items():
        row = ctx.tx.get(QuotaLimit, "compute", "", name)
        if row is not None:
            ctx.tx.change(row, value=value)
        elif name in DEFAULTS:
            ctx.tx.add(QuotaLimit(service="compute", project_id="", resource=name, value=value))
    return {"quota_class_set": _class_limits(ctx)}


def _class_limits(ctx: Context) -> dict[str, int]:
    found = _limits(ctx, "")
    if ctx.version < (2, 50):
        found.pop("server_groups")
        found.pop("server_group_members")
        found |= dict.fromkeys(_NETWORK, -1)
    return found


class _Anything(Int):
    def parse(self, value: object, where: Any) -> Any:
        return value


_SET = "/v2.1/os-quota-sets/{project_id}"
_CLASS = "/v2.1/os-quota-class-sets/{class_id}"
ROUTES = (
    Route("GET", "/v2.1/limits", show_limits, policy=rule("limits")),
    Route("GET", _SET, show),
    Route("GET", _SET + "/defaults", defaults, policy=rule("os-quota-sets:defaults")),
    Route("GET", _SET + "/detail", detail),
    Route("PUT", _SET, update),
    Route("DELETE", _SET, delete),
    Route("GET", _CLASS, show_class),
    Route("PUT", _CLASS, update_class),
)
