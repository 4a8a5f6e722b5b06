"""Another tenant's things: not found, not touched, not named, not usable.

One of everything is made as `demo`; `other`, a member of another project, then tries every route
that names a thing, and every body that refers to one.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pileus.app import SERVICES
from pileus.wire.route import Route
from pileus.wire.service import Service
from pileus.wire.versions import dotted

from ..cloud import Client, Cloud
from . import samples, shape
from .digest import Watcher
from .population import COMPUTE, populate

MARK = "canary"
# Routes that want no token want a password, which is no question of projects.
NAMED = [(s, r) for s in SERVICES for r in s.routes if "{" in r.path and r.auth]
LISTS = [
    (s, r) for s in SERVICES for r in s.routes if r.method == "GET" and "{" not in r.path and r.auth
]

# What is not 404, and why. The first pattern that fits "service METHOD path#action" counts.
ELSEWISE: list[tuple[str, int, str]] = [
    ("identity GET /v3/regions/.*", 200, "the catalog is everybody's"),
    ("identity GET /v3/registered_limits/.*", 200, "what services let everybody have"),
    ("identity .*", 403, "the identity API checks the rule before it tells what there is"),
    ("placement .*", 403, "only admins and services reach placement"),
    ("compute (POST|PUT|DELETE) /v2.1/flavors.*", 403, "for admins"),
    ("compute GET /v2.1/flavors/.*/os-flavor-access", 403, "for admins"),
    ("compute GET /v2.1/os-quota-sets/.*/defaults", 200, "the same for everybody"),
    ("compute .* /v2.1/os-quota-(sets|class-sets)/.*", 403, "another project's quota"),
    ("compute GET /v2.1/os-simple-tenant-usage/.*", 403, "another project's usage"),
    ("compute .* /v2.1/os-(aggregates|services|hypervisors)/.*", 403, "for admins"),
    ("image .* /v2/(tasks|cache)/.*", 403, "for admins"),
    ("network .* /v2.0/quotas/.*", 403, "another project's quota"),
    ("network GET /v2.0/(agents|network-ip-availabilities)/.*", 403, "for admins"),
]


def _name(value: object) -> str:
    if isinstance(value, Service):
        return value.type
    if isinstance(value, Route):
        return f"{value.method} {value.path} {value.action}".strip()
    return ""


def _expected(service: Service, route: Route) -> int:
    name = f"{service.type} {route.method} {route.path}"
    name += f"#{route.action}" if route.action else ""
    return next((status for p, status, _ in ELSEWISE if re.fullmatch(p, name)), 404)


def _headers(service: Service, route: Route) -> dict[str, str]:
    found = {"Content-Type": route.media[0]}
    known = service.microversions
    if known is not None:
        version = dotted(min(known.newest, route.until))
        found["OpenStack-API-Version"] = f"{known.service_type} {version}"
    return found


@pytest.fixture(scope="module")
def ids(cloud: Cloud) -> dict[str, str]:
    """One of everything of demo's; the cloud stands still afterwards."""
    made = populate(cloud, cloud.demo, MARK)
    made["other_project_id"] = cloud.other.project_id
    cloud.settle()
    cloud.app.stop()
    return made


@pytest.fixture(scope="module")
def eyes(cloud: Cloud, ids: dict[str, str]) -> Iterator[Watcher]:
    made = Watcher(cloud.config.state)
    yield made
    made.close()


@pytest.fixture
def watcher(eyes: Watcher) -> Watcher:
    """Sees what changes in the cloud's database from here on."""
    eyes.changes()
    return eyes


@pytest.mark.parametrize(("service", "route"), NAMED, ids=_name)
def test_a_thing_of_another_project_is_not_there(
    cloud: Cloud, ids: dict[str, str], watcher: Watcher, service: Service, route: Route
) -> None:
    kinds = samples.kinds(service, route)
    missing = [kind for kind in kinds if kind not in ids]
    assert not missing, "make one in tests/fuzz/population.py"
    url = samples.url(service, route, [ids[kind] for kind in kinds])
    body = samples.filled(samples.sample(service, route), ids)
    headers = _headers(service, route)
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
    if route.stream:
        headers["Content-Type"] = "application/octet-stream"

    answer = cloud.other.request(route.method, url, content=content, headers=headers)

    assert answer.status_code == _expected(service, route), answer.text
    assert not shape.wrong(service.type, route.method, answer)
    assert watcher.changes() == []
    if answer.status_code == 404:
        told = answer.text
        for asked in (url, *(ids[kind] for kind in kinds)):
            told = told.replace(asked, "")
        assert MARK not in told


@pytest.mark.parametrize(("service", "route"), LISTS, ids=_name)
@pytest.mark.parametrize("query", ["", "limit=1000&all_tenants=0", "visibility=all&fields=id"])
def test_no_list_names_a_thing_of_another_project(
    cloud: Cloud, ids: dict[str, str], service: Service, route: Route, query: str
) -> None:
    url = f"{service.path}{route.path}?{query}"

    answer = cloud.other.get(url, headers=_headers(service, route))

    assert answer.status_code < 500
    if route.path.startswith(("/v3/regions", "/v3/services", "/v3/endpoints", "/v3/auth/catalog")):
        return  # the catalog is everybody's
    if route.path == "/v3/registered_limits":
        return  # what services let everybody have
    if route.path in ("/traits", "/resource_classes", "/v3/roles", "/v2/metadefs/resource_types"):
        return  # names that admins give and everybody may use
    shown = answer.text.lower()
    assert MARK not in shown
    own = {"boot_image_id", "external_id", "hypervisor_id", "extra_spec", "class_id", "alias"}
    own |= {"public_key", "other_project_id", "region_id", "agent_id", "token", "migration_id"}
    # A small number; the cloud's own; a word.
    own |= {"aggregate_id", "store_id", "option"}
    assert not [kind for kind, key in ids.items() if kind not in own and key.lower() in shown]


def _server(ids: dict[str, str], **more: Any) -> dict[str, Any]:
    wanted = {
        "name": "mine",
        "imageRef": ids["boot_image_id"],
        "flavorRef": "42",
        "networks": "none",
    }
    return {"server": wanted | more}


def _refusal(client: Client, path: str, body: Any, method: str = "POST") -> int:
    headers = COMPUTE if path.startswith("/compute") else {}
    return client.request(method, path, json=body, headers=headers).status_code


@pytest.mark.parametrize(
    "more",
    [
        {"networks": [{"port": "$free_port_id"}]},
        {"networks": [{"uuid": "$network_id"}]},
        {"key_name": "$keypair_name"},
        {"imageRef": "$image_id"},
        {"imageRef": "$shared_image_id"},
        {"flavorRef": "$flavor_id"},
        {"os:scheduler_hints": {"group": "$server_group_id"}},
    ],
    ids=str,
)
def test_a_server_cannot_be_made_of_another_projects_things(
    cloud: Cloud, ids: dict[str, str], watcher: Watcher, more: dict[str, Any]
) -> None:
    body = _server(ids, **samples.filled(more, ids))

    assert _refusal(cloud.other, "/compute/v2.1/servers", body) in (400, 404)
    assert watcher.changes() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "subnets",
            {"subnet": {"network_id": "$network_id", "ip_version": 4, "cidr": "10.1.0.0/24"}},
        ),
        ("ports", {"port": {"network_id": "$network_id"}}),
        ("ports", {"port": {"network_id": "$mine", "security_groups": ["$security_group_id"]}}),
        ("ports", {"port": {"network_id": "$mine", "fixed_ips": [{"subnet_id": "$subnet_id"}]}}),
        ("ports", {"port": {"network_id": "$mine", "project_id": "$project_id"}}),
        ("networks", {"network": {"name": "x", "project_id": "$project_id"}}),
        ("networks", {"network": {"name": "x", "shared": True}}),
        ("networks", {"network": {"name": "x", "router:external": True}}),
        ("routers", {"router": {"external_gateway_info": {"network_id": "$network_id"}}}),
        ("floatingips", {"floatingip": {"floating_network_id": "$network_id"}}),
        (
            "floatingips",
            {"floatingip": {"floating_network_id": "$external_id", "port_id": "$free_port_id"}},
        ),
        (
            "security-group-rules",
            {
                "security_group_rule": {
                    "security_group_id": "$security_group_id",
                    "direction": "ingress",
                }
            },
        ),
        (
            "security-group-rules",
            {
                "security_group_rule": {
                    "security_group_id": "$my_group",
                    "direction": "ingress",
                    "remote_group_id": "$security_group_id",
                }
            },
        ),
    ],
    ids=str,
)
def test_a_network_thing_cannot_be_made_of_another_projects_things(
    cloud: Cloud, ids: dict[str, str], watcher: Watcher, path: str, body: Any
) -> None:
    mine = ids | _mine(cloud, ids, watcher)

    status = _refusal(cloud.other, f"/network/v2.0/{path}", samples.filled(body, mine))

    assert status in (400, 403, 404)
    assert watcher.changes() == []


def _mine(cloud: Cloud, ids: dict[str, str], watcher: Watcher) -> dict[str, str]:
    """A network, a router and a security group of other's own, made once."""
    v2, other = "/network/v2.0", cloud.other
    if "mine" not in ids:
        for kind, many, one in (
            ("mine", "networks", "network"),
            ("my_router", "routers", "router"),
            ("my_group", "security-groups", "security_group"),
        ):
            made = other.post(f"{v2}/{many}", json={one: {"name": "own"}})
            ids[kind] = made.json()[one]["id"]
        watcher.changes()
    return ids


@pytest.mark.parametrize(
    "body", [{"subnet_id": "$subnet_id"}, {"port_id": "$free_port_id"}], ids=str
)
def test_a_router_gets_no_interface_in_another_projects_network(
    cloud: Cloud, ids: dict[str, str], watcher: Watcher, body: Any
) -> None:
    router = _mine(cloud, ids, watcher)["my_router"]
    path = f"/network/v2.0/routers/{router}/add_router_interface"

    assert _refusal(cloud.other, path, samples.filled(body, ids), "PUT") in (400, 404)
    assert watcher.changes() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Roles": "admin"},
        {"X-Roles": "admin", "X-Identity-Status": "Confirmed", "X-Is-Admin-Project": "True"},
        {"X-Project-Id": "$project_id", "X-Tenant-Id": "$project_id", "X-User-Id": "$user_id"},
        {"X-Service-Roles": "service", "X-Service-Identity-Status": "Confirmed"},
    ],
    ids=str,
)
def test_headers_of_the_token_middleware_are_nothing_to_believe(
    cloud: Cloud, ids: dict[str, str], forged: dict[str, str]
) -> None:
    headers = COMPUTE | samples.filled(forged, ids)

    assert cloud.other.get("/identity/v3/users", headers=headers).status_code == 403
    gone = cloud.other.get(f"/compute/v2.1/servers/{ids['server_id']}", headers=headers)
    assert gone.status_code == 404
    listed = cloud.other.get("/compute/v2.1/servers", headers=headers).json()
    assert listed["servers"] == []
