"""GET, HEAD and DELETE /v3/auth/tokens, and what a token opens."""

import httpx

from ...cloud import Cloud
from .calls import V3, by_password, login


def test_a_token_can_be_shown_to_its_user(cloud: Cloud):
    token = cloud.demo.headers["X-Auth-Token"]

    answer = cloud.demo.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})

    assert answer.status_code == 200
    assert answer.headers["X-Subject-Token"] == token
    assert answer.json()["token"]["user"]["name"] == "demo"


def test_head_has_no_body(cloud: Cloud):
    headers = {"X-Subject-Token": cloud.demo.headers["X-Auth-Token"]}

    answer = cloud.admin.head(f"{V3}/auth/tokens", headers=headers)

    assert (answer.status_code, answer.content) == (200, b"")


def test_somebody_elses_token_is_forbidden(cloud: Cloud):
    headers = {"X-Subject-Token": cloud.admin.headers["X-Auth-Token"]}

    assert cloud.demo.get(f"{V3}/auth/tokens", headers=headers).status_code == 403
    assert cloud.demo.delete(f"{V3}/auth/tokens", headers=headers).status_code == 403


def test_a_token_that_is_none_is_404(cloud: Cloud):
    headers = {"X-Subject-Token": "nonsense"}

    assert cloud.admin.get(f"{V3}/auth/tokens", headers=headers).status_code == 404
    assert cloud.demo.get(f"{V3}/auth/tokens", headers=headers).status_code == 404


def test_the_header_that_names_the_token_is_required(cloud: Cloud):
    assert cloud.admin.get(f"{V3}/auth/tokens").status_code == 400


def test_without_a_token_it_is_401(cloud: Cloud):
    answer = httpx.get(f"{cloud.base}{V3}/users")

    assert answer.status_code == 401
    assert answer.json()["error"]["title"] == "Unauthorized"


def test_auth_projects_domains_system_and_catalog(cloud: Cloud):
    names = [p["name"] for p in cloud.demo.get(f"{V3}/auth/projects").json()["projects"]]
    domains = [d["id"] for d in cloud.admin.get(f"{V3}/auth/domains").json()["domains"]]

    assert names == ["demo"]
    assert domains == ["default"]
    assert cloud.admin.get(f"{V3}/auth/system").json()["system"] == [{"all": True}]
    assert cloud.demo.get(f"{V3}/auth/system").json()["system"] == []
    catalog = cloud.demo.get(f"{V3}/auth/catalog").json()["catalog"]
    identity = next(s for s in catalog if s["type"] == "identity")
    assert {e["interface"] for e in identity["endpoints"]} == {"public", "internal", "admin"}
    assert identity["endpoints"][0]["url"] == f"{cloud.base}/identity"


def test_an_unscoped_token_has_no_catalog(cloud: Cloud):
    token = login(cloud, by_password("demo"), "unscoped").headers["X-Subject-Token"]

    answer = httpx.get(f"{cloud.base}{V3}/auth/catalog", headers={"X-Auth-Token": token})

    assert answer.status_code == 403
