"""Services, endpoints and regions; the first start's rows."""

import dataclasses

from pileus.config import Config
from pileus.core.parts import Parts
from pileus.identity import SERVICE, first_start

from ...cloud import Cloud
from .calls import V3, made


def test_an_endpoint_of_a_new_service_shows_in_the_catalog_with_its_project(cloud: Cloud):
    service = made(
        cloud.admin.post(f"{V3}/services", json={"service": {"type": "dns", "name": "d"}}),
        "service",
    )
    body = {
        "service_id": service["id"],
        "interface": "public",
        "region_id": "RegionOne",
        "url": "https://dns.example.org/v2/$(project_id)s",
    }
    endpoint = made(cloud.admin.post(f"{V3}/endpoints", json={"endpoint": body}), "endpoint")

    catalog = cloud.demo.get(f"{V3}/auth/catalog").json()["catalog"]

    dns = next(s for s in catalog if s["type"] == "dns")
    assert dns["endpoints"][0]["url"].endswith(f"/v2/{cloud.demo.project_id}")
    assert endpoint["region"] == "RegionOne"
    assert cloud.admin.delete(f"{V3}/services/{service['id']}").status_code == 204
    assert cloud.admin.get(f"{V3}/endpoints/{endpoint['id']}").status_code == 404


def test_bad_endpoints_are_refused(cloud: Cloud):
    services = cloud.admin.get(f"{V3}/services", params={"type": "identity"}).json()["services"]
    right = {"service_id": services[0]["id"], "interface": "public", "url": "http://x"}

    for wrong in (
        {"service_id": "nothing"},
        {"interface": "private"},
        {"url": "no url"},
        {"url": "http://x/%(password)s"},
        {"region_id": "nowhere"},
    ):
        answer = cloud.admin.post(f"{V3}/endpoints", json={"endpoint": right | wrong})
        assert answer.status_code == 400, answer.text
    assert cloud.demo.get(f"{V3}/endpoints").status_code == 403


def test_a_region_with_endpoints_stays(cloud: Cloud):
    assert cloud.admin.delete(f"{V3}/regions/RegionOne").status_code == 409
    made(cloud.admin.post(f"{V3}/regions", json={"region": {"id": "two"}}), "region")
    again = cloud.admin.post(f"{V3}/regions", json={"region": {"id": "two"}})
    assert again.status_code == 409
    assert cloud.admin.delete(f"{V3}/regions/two").status_code == 204


def test_a_region_is_made_with_the_id_that_the_path_names(cloud: Cloud):
    path = f"{V3}/regions/three"
    body = {"region": {"description": "x"}}

    region = made(cloud.admin.put(path, json=body), "region")

    assert (region["id"], region["description"]) == ("three", "x")
    assert cloud.admin.put(path, json=body).status_code == 409
    other = cloud.admin.put(f"{V3}/regions/four", json={"region": {"id": "five"}})
    assert other.status_code == 400
    assert cloud.demo.put(f"{V3}/regions/six", json=body).status_code == 403
    assert cloud.admin.delete(path).status_code == 204


def test_a_later_start_with_another_base_url_moves_the_endpoints_that_it_made(fresh_cloud: Cloud):
    parts = Parts(*[fresh_cloud.parts[kind] for kind in list(fresh_cloud.parts._parts)])
    moved = dataclasses.replace(parts[Config], public_url="https://cloud.example.org")
    parts.add(moved)

    made_now = fresh_cloud.app.db.run(lambda tx: first_start(tx, parts, [SERVICE]))

    assert made_now == {}
    endpoints = fresh_cloud.admin.get(f"{V3}/endpoints").json()["endpoints"]
    urls = {e["url"] for e in endpoints}
    assert "https://cloud.example.org/identity" in urls
    assert not [url for url in urls if "127.0.0.1" in url]
