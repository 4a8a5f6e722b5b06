"""Which policy is meant for which endpoint: named itself, by its service, or by both and a region.

OS-ENDPOINT-POLICY of the API.
"""

from ..core.db import Tx
from ..core.errors import NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import noun
from .policy import find
from .rows import CatalogService, Endpoint, Region
from .rows_catalog import PolicyAssociation, PolicyDocument


def _key(ctx: Context, verb: str) -> tuple[PolicyDocument, tuple[str, str, str]]:
    """The policy and what it is for, after policy; raises NotFound when one is not there."""
    params = ctx.params
    endpoint, service = params.get("endpoint_id", ""), params.get("service_id", "")
    region = params.get("region_id", "")
    what = "endpoint" if endpoint else "region_and_service" if region else "service"
    row = find(ctx, f"{verb}_policy_association_for_{what}")
    if endpoint:
        noun.must(ctx.tx, Endpoint, endpoint)
    if service:
        noun.must(ctx.tx, CatalogService, service)
    if region:
        noun.must(ctx.tx, Region, region)
    return row, (endpoint, service, region)


def _put(ctx: Context) -> None:
    row, key = _key(ctx, "create")
    found = ctx.tx.get(PolicyAssociation, *key)
    if found is not None:
        ctx.tx.change(found, policy_id=row.id)
        return
    names = ("endpoint_id", "service_id", "region_id")
    ctx.tx.add(PolicyAssociation(**dict(zip(names, key, strict=True)), policy_id=row.id))


def _check(ctx: Context) -> Response:
    row, key = _key(ctx, "check")
    found = ctx.tx.get(PolicyAssociation, *key)
    if found is None or found.policy_id != row.id:
        raise NotFound("The policy is not associated with this.")
    return Response(204)


def _delete(ctx: Context) -> None:
    row, key = _key(ctx, "delete")
    found = ctx.tx.get(PolicyAssociation, *key)
    if found is None or found.policy_id != row.id:
        raise NotFound("The policy is not associated with this.")
    ctx.tx.remove(found)


def _above(tx: Tx, region_id: str | None) -> list[str]:
    """A region and those above it, the nearest first."""
    found: list[str] = []
    while region_id is not None and region_id not in found:
        found.append(region_id)
        region = tx.get(Region, region_id)
        region_id = region.parent_region_id if region is not None else None
    return found


def _keys(tx: Tx, endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """What a policy of this endpoint may be for, the most exact first."""
    service = endpoint.service_id
    regions = [("", service, region) for region in _above(tx, endpoint.region_id)]
    return [(endpoint.id, "", ""), *regions, ("", service, "")]


def _of_endpoint(ctx: Context) -> object:
    tx, key = ctx.tx, ctx.params["endpoint_id"]
    endpoint = noun.find(ctx, Endpoint, key, "identity:get_policy_for_endpoint")
    for one in _keys(tx, endpoint):
        found = tx.get(PolicyAssociation, *one)
        if found is not None:
            row = noun.must(tx, PolicyDocument, found.policy_id)
            return {"policy": noun.view(ctx, [row])[0]}
    raise NotFound(f"No policy is associated with the endpoint {endpoint.id}.")


def _endpoints(ctx: Context) -> object:
    tx, row = ctx.tx, find(ctx, "list_endpoints_for_policy")
    policies = {
        (one.endpoint_id, one.service_id, one.region_id): one.policy_id
        for one in tx.all(PolicyAssociation)
    }
    found = []
    for endpoint in tx.all(Endpoint, order=[Endpoint.id]):
        named = [policies[key] for key in _keys(tx, endpoint) if key in policies]
        if named and named[0] == row.id:
            found.append(endpoint)
    shown = noun.view(ctx, found)
    for one in shown:
        one["region"] = one["region_id"]
    return ctx.service.page(ctx, "endpoints", shown, "")


def routes() -> tuple[Route, ...]:
    """The routes of OS-ENDPOINT-POLICY."""
    at = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
    found = [Route("GET", f"{at}/endpoints", _endpoints)]
    service = f"{at}/services/{{service_id}}"
    for one in (f"{at}/endpoints/{{endpoint_id}}", service, f"{service}/regions/{{region_id}}"):
        found.append(Route("PUT", one, _put, status=204))
        found.append(Route("GET", one, _check))
        found.append(Route("DELETE", one, _delete, status=204))
    of_endpoint = "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy"
    return (*found, Route("GET", of_endpoint, _of_endpoint))
