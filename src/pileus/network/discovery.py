"""The documents by which clients find out what this service can do."""

from typing import Any

from ..core.errors import NotFound
from ..wire.context import Context
from ..wire.route import Route

_UPDATED = "2024-01-01T00:00:00-00:00"
# Only what is really there.
_EXTENSIONS = {
    "agent": ("agent", "Agents and their hosts."),
    "allowed-address-pairs": ("Allowed Address Pairs", "Further addresses that a port may use."),
    "availability_zone": ("Availability Zone", "The zones of networks and routers."),
    "binding": ("Port Binding", "The host that a port is bound to."),
    "ext-gw-mode": ("Neutron L3 Configurable external gateway mode", "SNAT on or off."),
    "external-net": ("Neutron external network", "Networks that lead outside."),
    "extraroute": ("Neutron Extra Route", "Static routes of routers."),
    "ip-substring-filtering": ("IP address substring filtering", "Find ports by part of an IP."),
    "net-mtu": ("Network MTU", "The MTU of a network."),
    "net-mtu-writable": ("Network MTU (writable)", "The MTU of a network can be set."),
    "network-ip-availability": ("Network IP Availability", "How full each network is."),
    "network_availability_zone": ("Network Availability Zone", "Zones of networks."),
    "pagination": ("Pagination support", "Lists come in pages."),
    "port-security": ("Port Security", "Source addresses of ports are checked, or not."),
    "project-id": ("project_id field enabled", "project_id and tenant_id are the same."),
    "provider": ("Provider Network", "What a network is made of."),
    "quota_details": ("Quota details management support", "Quotas with what is used."),
    "quotas": ("Quota management support", "Quotas of projects."),
    "revision-if-match": ("If-Match constraints based on revision_number", "Safe updates."),
    "router": ("Neutron L3 Router", "Routers and floating IPs."),
    "router_availability_zone": ("Router Availability Zone", "Zones of routers."),
    "security-group": ("security-group", "Security groups and their rules."),
    "security-groups-normalized-cidr": ("Normalized CIDR of rules", "CIDRs in one form."),
    "sorting": ("Sorting support", "Lists can be sorted."),
    "standard-attr-description": ("standard-attr-description", "Everything has a description."),
    "standard-attr-revisions": ("Resource revision numbers", "Everything counts its changes."),
    "standard-attr-tag": ("Tag support for resources with standard attribute", "Tags."),
    "standard-attr-timestamp": ("Resource timestamps", "When a thing was made and changed."),
    "subnet-service-types": ("Subnet service types", "Subnets for certain ports only."),
}
_COLLECTIONS = (
    ("network", "networks"),
    ("subnet", "subnets"),
    ("port", "ports"),
    ("router", "routers"),
    ("floatingip", "floatingips"),
    ("security_group", "security-groups"),
    ("security_group_rule", "security-group-rules"),
)


def _version(ctx: Context) -> dict[str, Any]:
    link = {"rel": "self", "href": ctx.url("/v2.0/")}
    return {"id": "v2.0", "status": "CURRENT", "links": [link]}


def _versions(ctx: Context) -> object:
    return {"versions": [_version(ctx)]}


def _resources(ctx: Context) -> object:
    return {
        "version": _version(ctx),
        "resources": [
            {
                "name": one,
                "collection": many,
                "links": [{"rel": "self", "href": ctx.url(f"/v2.0/{many}")}],
            }
            for one, many in _COLLECTIONS
        ],
    }


def _extension(alias: str) -> dict[str, Any]:
    name, text = _EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": text, "updated": _UPDATED, "links": []}


def _extensions(_ctx: Context) -> object:
    return {"extensions": [_extension(alias) for alias in _EXTENSIONS]}


def _show_extension(ctx: Context) -> object:
    alias = ctx.params["alias"]
    if alias not in _EXTENSIONS:
        raise NotFound(f"Extension with alias {alias[:80]} does not exist")
    return {"extension": _extension(alias)}


ROUTES = (
    Route("GET", "/", _versions, auth=False),
    Route("GET", "/v2.0", _resources, auth=False),
    Route("GET", "/v2.0/extensions", _extensions),
    Route("GET", "/v2.0/extensions/{alias}", _show_extension),
)
