"""Quotas in the API."""

from typing import Any

from ..core.errors import BadRequest, NotFound
from ..core.quota import QuotaLimit, limits
from ..core.types import Int
from ..wire.context import Context, Response
from ..wire.route import Route
from .quota import DEFAULTS, SERVICE, used

_LIMIT = Int(-1, 2**31 - 1, strings=True)


def _require(ctx: Context, verb: str) -> str:
    project_id = ctx.params["project_id"]
    if verb != "get" or project_id != ctx.project_id:
        ctx.require(f"{verb}_quota", {"project_id": project_id})
    return project_id


def _show(ctx: Context) -> object:
    return {"quota": limits(ctx.tx, SERVICE, _require(ctx, "get"), DEFAULTS)}


def _default(ctx: Context) -> object:
    _require(ctx, "get")
    return {"quota": limits(ctx.tx, SERVICE, "", DEFAULTS)}


def _details(ctx: Context) -> object:
    project_id = _require(ctx, "get")
    found = limits(ctx.tx, SERVICE, project_id, DEFAULTS)
    return {
        "quota": {
            name: {"limit": value, "used": used(ctx.tx, project_id, name), "reserved": 0}
            for name, value in found.items()
        }
    }


def _list(ctx: Context) -> object:
    rows = ctx.tx.all(QuotaLimit, QuotaLimit.service == SERVICE, QuotaLimit.project_id != "")
    quotas: list[dict[str, Any]] = []
    for project_id in sorted({row.project_id for row in rows}):
        found: dict[str, Any] = dict(limits(ctx.tx, SERVICE, project_id, DEFAULTS))
        quotas.append(found | {"project_id": project_id, "tenant_id": project_id})
    return {"quotas": quotas}


def _update(ctx: Context) -> object:
    project_id, tx = _require(ctx, "update"), ctx.tx
    body = ctx.inner("quota")
    if not isinstance(body, dict):
        raise ctx.where.at("quota").wrong(body, "an object")
    for name, value in body.items():
        if name in ("tenant_id", "project_id", "check_limit", "force"):
            continue
        if name not in DEFAULTS:
            raise BadRequest(f"Unrecognized attribute(s) '{str(name)[:80]}'")
        limit = _LIMIT.parse(value, ctx.where.at(name))
        row = tx.get(QuotaLimit, SERVICE, project_id, name)
        if row is None:
            tx.add(QuotaLimit(service=SERVICE, project_id=project_id, resource=name, value=limit))
        else:
            tx.change(row, value=limit)
    return {"quota": limits(tx, SERVICE, project_id, DEFAULTS)}


def _delete(ctx: Context) -> object:
    project_id = _require(ctx, "delete")
    mine = (QuotaLimit.service == SERVICE, QuotaLimit.project_id == project_id)
    if not ctx.tx.remove_where(QuotaLimit, *mine):
        raise NotFound(
            f"Quota for tenant {project_id[:80]} could not be found.", kind="TenantQuotaNotFound"
        )
    return Response(204)


ROUTES = (
    Route("GET", "/v2.0/quotas", _list, "get_quota"),
    Route("GET", "/v2.0/quotas/{project_id}", _show),
    Route("GET", "/v2.0/quotas/{project_id}/default", _default),
    Route("GET", "/v2.0/quotas/{project_id}/details", _details),
    Route("PUT", "/v2.0/quotas/{project_id}", _update),
    Route("DELETE", "/v2.0/quotas/{project_id}", _delete),
)
