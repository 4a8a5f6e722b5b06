"""Rules that every route keeps, found from the routes themselves."""

import re

import httpx
import pytest

from pileus.app import SERVICES
from pileus.wire.route import Route
from pileus.wire.service import Service
from pileus.wire.versions import dotted

from ..cloud import Cloud

EVERY = [(service, route) for service in SERVICES for route in service.routes]
CLOSED = [(s, r) for s, r in EVERY if r.auth]


def _name(value: object) -> str:
    if isinstance(value, Service):
        return value.type
    if isinstance(value, Route):
        return f"{value.method} {value.path} {value.action}".strip()
    return ""


def _url(service: Service, route: Route, value: str) -> str:
    return service.path + re.sub(r"\{[^}]+\}", value, route.path)


def _version(service: Service, route: Route) -> dict[str, str]:
    """Headers that ask for a microversion in which the route exists."""
    known = service.microversions
    if known is None:
        return {}
    version = dotted(max(known.oldest, route.since))
    return {"OpenStack-API-Version": f"{known.service_type} {version}"}


@pytest.mark.parametrize(("service", "route"), CLOSED, ids=_name)
def test_a_route_refuses_a_caller_without_a_token(
    cloud: Cloud, service: Service, route: Route
) -> None:
    url = cloud.base + _url(service, route, "x")

    answer = httpx.request(route.method, url, headers=_version(service, route), timeout=60)

    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(("service", "route"), CLOSED, ids=_name)
@pytest.mark.parametrize("value", ["%00", "x" * 300, "..%2f..", "%F0%9F%98%80", "' or 1=1"])
def test_no_path_makes_a_route_fail(
    cloud: Cloud, service: Service, route: Route, value: str
) -> None:
    if "{" not in route.path:
        return
    url = _url(service, route, value)
    content = b'{"' + route.action.encode() + b'": null}' if route.action else b""
    headers = _version(service, route) | {"Content-Type": "application/json"}

    answer = cloud.demo.request(route.method, url, content=content, headers=headers)

    assert answer.status_code < 500, f"{url}: {answer.text}"


def test_every_policy_rule_that_a_route_names_exists() -> None:
    known = {rule.name for service in SERVICES for rule in service.rules}

    assert {r.policy for _, r in EVERY if r.policy} - known == set()
