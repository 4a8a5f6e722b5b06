"""Upstream placement's own gabbi files against a running cloud.

    python gabbits.py BASE PASSWORD default|open|legacy [FILE …]

A file's fixture first fills upstream's placement in this process; what it made is then written into
the cloud through the API, and the requests of the file go to the cloud. `default`, `open` and
`legacy` choose the files whose fixture wants the cloud to run with this policy.
"""

import logging
import os
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import yaml
from gabbi import driver, httpclient
from placement import deploy
from placement.tests import functional
from placement.tests.functional.fixtures import gabbits as upstream
from stock import OPERATOR, Stock
from tell import tell

POLICIES = {"OpenPolicyFixture": "open", "LegacyRBACPolicyFixture": "legacy"}
PROJECTS = ("PROJECT_ID", "PROJECT_ID_ALT", "ADMIN_PROJECT_ID", "SERVICE_PROJECT_ID")
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


class Original:
    """What upstream's placement in this process holds."""

    def __init__(self) -> None:
        app = deploy.loadapp(upstream.CONF)
        transport = httpx.WSGITransport(app=app)
        headers = {"x-auth-token": "admin", "openstack-api-version": "placement latest"}
        self.http = httpx.Client(transport=transport, base_url="http://p", headers=headers)

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def provider(self, uuid: str, what: str) -> Any:
        return self.get(f"/resource_providers/{uuid}/{what}")


def mirror(cloud: Stock, projects: dict[str, str]) -> None:
    """Write into the cloud what the fixture put into upstream's placement."""
    here = Original()
    for one in here.get("/resource_classes")["resource_classes"]:
        if one["name"].startswith("CUSTOM_"):
            cloud.placement("PUT", f"/resource_classes/{one['name']}")
    for name in here.get("/traits?name=startswith:CUSTOM_")["traits"]:
        cloud.placement("PUT", f"/traits/{name}")
    consumers: dict[str, None] = {}
    for one in _parents_first(here.get("/resource_providers")["resource_providers"]):
        keys = ("name", "uuid", "parent_provider_uuid")
        cloud.placement("POST", "/resource_providers", {key: one[key] for key in keys})
        path = f"/resource_providers/{one['uuid']}"
        # In 1.18 a change of aggregates is no step of the generation, as in the fixtures.
        aggregates = here.provider(one["uuid"], "aggregates")["aggregates"]
        cloud.placement("PUT", f"{path}/aggregates", aggregates, "1.18")
        for what in ("inventories", "traits"):
            found = here.provider(one["uuid"], what)
            if found[what]:
                found["resource_provider_generation"] = cloud.get(path)["generation"]
                cloud.placement("PUT", f"{path}/{what}", found)
        consumers |= dict.fromkeys(here.provider(one["uuid"], "allocations")["allocations"])
    for id in consumers:
        body = here.get(f"/allocations/{id}")
        body["project_id"] = projects.get(body["project_id"], body["project_id"])
        body["consumer_generation"] = None
        # From 1.38 everybody has a type; that of those who were there before cannot be written.
        untyped = body["consumer_type"] == "unknown" and body.pop("consumer_type")
        cloud.placement("PUT", f"/allocations/{id}", body, "1.37" if untyped else "1.39")
    for one in here.get("/resource_providers")["resource_providers"]:
        _age(cloud, one["uuid"], one["generation"])


def _age(cloud: Stock, uuid: str, wanted: int) -> None:
    """Bring a provider to the generation that the tests expect of it."""
    path = f"/resource_providers/{uuid}"
    while (generation := cloud.get(path)["generation"]) < wanted:
        body = cloud.get(f"{path}/aggregates") | {"resource_provider_generation": generation}
        cloud.placement("PUT", f"{path}/aggregates", body)
    if generation > wanted:
        print(f"{uuid} is at generation {generation} already, not {wanted}")


def _parents_first(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    done = {None}
    while found:
        for one in [one for one in found if one["parent_provider_uuid"] in done]:
            yield one
            done.add(one["uuid"])
            found.remove(one)


def fixtures(cloud: Stock) -> type:
    """Upstream's fixtures, each of which also fills and empties the cloud."""

    def of(kind: Any) -> Any:
        class Mirrored(kind):
            def start_fixture(self) -> None:
                super().start_fixture()
                # A project's id is the cloud's choice, and policy compares it.
                own = {os.environ[name]: cloud.project(name.lower()) for name in PROJECTS}
                cloud.empty()
                mirror(cloud, own)
                os.environ.update({name: own[os.environ[name]] for name in PROJECTS})

            def stop_fixture(self) -> None:
                super().stop_fixture()
                cloud.empty()

        return Mirrored

    kinds = {
        name: of(kind)
        for name, kind in vars(upstream).items()
        if isinstance(kind, type) and issubclass(kind, upstream.APIFixture)
    }
    return type("Fixtures", (), kinds)


def serve_at_root(cloud: Stock) -> None:
    """Let the tests find people behind their fake tokens, and placement at the server's root."""
    plain = httpclient.Http.request

    def request(self: Any, uri: str, headers: Any, **more: Any) -> Any:
        given = {name.lower(): value for name, value in headers.items()}
        if "x-auth-token" in given:
            given["x-auth-token"] = _token(cloud, given)
        answer, content = plain(self, uri, headers=given, **more)
        return answer, content.replace(b'"/placement/', b'"/')

    httpclient.Http.request = request


def _token(cloud: Stock, headers: dict[str, str]) -> str:
    roles = tuple(headers.pop("x-roles", "").split(","))
    project = headers.pop("x-project-id", "suite")
    if headers.pop("openstack-system-scope", ""):
        return cloud.token(roles)
    if roles == ("",):
        operator = headers["x-auth-token"].split(":")[0] == "admin"
        return cloud.token(OPERATOR if operator else ("reader",), "suite")
    return cloud.token(roles, project)


def policy_of(file: Path) -> str:
    """Which policy the file's fixture wants."""
    names = yaml.safe_load(file.read_text()).get("fixtures", [])
    return next((POLICIES[name] for name in names if name in POLICIES), "default")


def main(base: str, password: str, policy: str, *only: str) -> None:
    logging.disable()  # upstream's fixtures print all of it
    cloud = Stock(base, password)
    serve_at_root(cloud)
    with TemporaryDirectory() as chosen:
        for file in (Path(functional.__file__).parent / "gabbits").glob("*.yaml"):
            if policy_of(file) == policy and (not only or file.stem in only):
                (Path(chosen) / file.name).symlink_to(file)
        tests = driver.build_tests(
            chosen,
            unittest.TestLoader(),
            url=f"{base}/placement",
            test_loader_name="placement",
            fixture_module=fixtures(cloud),
        )
        result = unittest.TextTestRunner(verbosity=2).run(tests)
    tell(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
