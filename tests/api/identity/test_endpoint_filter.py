"""Endpoints and groups of them in projects' catalogs."""

from typing import Any

from ...cloud import Cloud
from .calls import V3, by_password, login, made, member, on

AT = f"{V3}/OS-EP-FILTER"


def _endpoint(cloud: Cloud, kind: str, interface: str = "public") -> dict[str, Any]:
    service = {"service": {"type": kind, "name": kind}}
    found = made(cloud.admin.post(f"{V3}/services", json=service), "service")
    body = {"service_id": found["id"], "interface": interface, "url": f"http://127.0.0.1/{kind}"}
    return made(cloud.admin.post(f"{V3}/endpoints", json={"endpoint": body}), "endpoint")


def _group(cloud: Cloud, name: str, **filters: str) -> dict[str, Any]:
    body = {"endpoint_group": {"name": name, "filters": filters}}
    return made(cloud.admin.post(f"{AT}/endpoint_groups", json=body), "endpoint_group")


def _catalog(cloud: Cloud, name: str, project_id: str) -> list[str]:
    """The URLs of the endpoints that a new token for the project has."""
    token = login(cloud, by_password(name), on(project_id)).json()["token"]
    return sorted(e["url"] for service in token["catalog"] for e in service["endpoints"])


def test_a_project_with_endpoints_of_its_own_sees_no_others(cloud: Cloud):
    _, where = member(cloud, "chooser")
    endpoint = _endpoint(cloud, "chosen")
    path = f"{AT}/projects/{where['id']}/endpoints/{endpoint['id']}"
    every = _catalog(cloud, "chooser", where["id"])

    assert cloud.admin.get(path).status_code == 404
    assert cloud.admin.put(path).status_code == 204

    assert cloud.admin.get(path).status_code == 204
    assert _catalog(cloud, "chooser", where["id"]) == [endpoint["url"]]
    assert endpoint["url"] in _catalog(cloud, "demo", cloud.demo.project_id)
    listed = cloud.admin.get(f"{AT}/projects/{where['id']}/endpoints").json()["endpoints"]
    assert [one["id"] for one in listed] == [endpoint["id"]]
    projects = cloud.admin.get(f"{AT}/endpoints/{endpoint['id']}/projects").json()["projects"]
    assert [one["id"] for one in projects] == [where["id"]]
    assert cloud.admin.delete(path).status_code == 204
    assert _catalog(cloud, "chooser", where["id"]) == every


def test_a_group_brings_all_that_fits_it_into_the_catalog(cloud: Cloud):
    _, where = member(cloud, "grouped")
    public, admin = _endpoint(cloud, "grouped-p"), _endpoint(cloud, "grouped-a", "admin")
    group = _group(cloud, "one-service", service_id=public["service_id"])
    other = _group(cloud, "other", service_id=admin["service_id"], interface="public")
    path = f"{AT}/endpoint_groups/{group['id']}/projects/{where['id']}"

    assert cloud.admin.put(path).status_code == 204
    cloud.admin.put(f"{AT}/endpoint_groups/{other['id']}/projects/{where['id']}")

    assert _catalog(cloud, "grouped", where["id"]) == [public["url"]]
    assert cloud.admin.get(path).json()["endpoint_group"]["id"] == group["id"]
    assert cloud.admin.head(path).status_code == 200
    groups = cloud.admin.get(f"{AT}/projects/{where['id']}/endpoint_groups").json()
    assert {one["id"] for one in groups["endpoint_groups"]} == {group["id"], other["id"]}
    fitting = cloud.admin.get(f"{AT}/endpoint_groups/{group['id']}/endpoints").json()["endpoints"]
    assert [one["id"] for one in fitting] == [public["id"]]
    projects = cloud.admin.get(f"{AT}/endpoint_groups/{group['id']}/projects").json()["projects"]
    assert [one["id"] for one in projects] == [where["id"]]


def test_a_group_that_changes_or_goes_changes_catalogs_at_once(cloud: Cloud):
    _, where = member(cloud, "changing")
    one, two = _endpoint(cloud, "changing-1"), _endpoint(cloud, "changing-2")
    group = _group(cloud, "changing", service_id=one["service_id"])
    path = f"{AT}/endpoint_groups/{group['id']}"
    every = _catalog(cloud, "changing", where["id"])
    cloud.admin.put(f"{path}/projects/{where['id']}")

    body = {"endpoint_group": {"filters": {"service_id": two["service_id"]}, "name": "new"}}
    assert cloud.admin.patch(path, json=body).json()["endpoint_group"]["name"] == "new"
    assert _catalog(cloud, "changing", where["id"]) == [two["url"]]

    assert cloud.admin.delete(path).status_code == 204
    assert _catalog(cloud, "changing", where["id"]) == every


def test_a_group_wants_filters_that_can_fit(cloud: Cloud):
    def status(**filters: Any) -> int:
        body = {"endpoint_group": {"name": "bad", "filters": filters}}
        return cloud.admin.post(f"{AT}/endpoint_groups", json=body).status_code

    assert status() == 400
    assert status(interface="inside") == 400
    assert status(service_id="nowhere") == 400
    assert status(region_id="nowhere") == 400
    assert status(colour="blue") == 400


def test_an_endpoint_and_a_project_that_go_leave_no_choice_behind(cloud: Cloud):
    _, where = member(cloud, "leaving")
    endpoint = _endpoint(cloud, "leaving")
    path = f"{AT}/projects/{where['id']}/endpoints/{endpoint['id']}"
    cloud.admin.put(path)

    assert cloud.admin.delete(f"{V3}/endpoints/{endpoint['id']}").status_code == 204
    assert len(_catalog(cloud, "leaving", where["id"])) > 1
    assert cloud.admin.delete(f"{V3}/projects/{where['id']}").status_code == 204
    assert cloud.admin.get(f"{AT}/projects/{where['id']}/endpoints").status_code == 404
