"""Policies as documents, and which of them an endpoint has."""

from typing import Any

from ...cloud import Cloud
from .calls import V3, made


def _policy(cloud: Cloud, blob: str = "{}") -> str:
    body = {"policy": {"type": "application/json", "blob": blob}}
    return str(made(cloud.admin.post(f"{V3}/policies", json=body), "policy")["id"])


def _endpoint(cloud: Cloud, mark: str) -> dict[str, str]:
    """The ids of a region in another one, a service and an endpoint of it there."""
    ids = {"top": f"{mark}-top", "region": f"{mark}-region"}
    cloud.admin.post(f"{V3}/regions", json={"region": {"id": ids["top"]}})
    low = {"id": ids["region"], "parent_region_id": ids["top"]}
    cloud.admin.post(f"{V3}/regions", json={"region": low})
    service = {"service": {"type": mark, "name": mark}}
    ids["service"] = made(cloud.admin.post(f"{V3}/services", json=service), "service")["id"]
    endpoint: dict[str, Any] = {"service_id": ids["service"], "region_id": ids["region"]}
    endpoint |= {"interface": "public", "url": "http://127.0.0.1/"}
    answer = cloud.admin.post(f"{V3}/endpoints", json={"endpoint": endpoint})
    ids["endpoint"] = made(answer, "endpoint")["id"]
    return ids


def test_a_policy_is_made_changed_listed_and_deleted(cloud: Cloud):
    id_ = _policy(cloud)
    path = f"{V3}/policies/{id_}"

    changed = cloud.admin.patch(path, json={"policy": {"type": "text/plain", "own": 1}}).json()
    listed = cloud.admin.get(f"{V3}/policies", params={"type": "text/plain"}).json()["policies"]

    assert (changed["policy"]["type"], changed["policy"]["own"]) == ("text/plain", 1)
    assert listed == [changed["policy"]]
    assert cloud.demo.get(path).status_code == 403
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.get(path).status_code == 404


def test_a_policy_needs_its_two_parts(cloud: Cloud):
    for body in ({"type": "x"}, {"blob": "x"}, {"type": "x", "blob": 1}):
        assert cloud.admin.post(f"{V3}/policies", json={"policy": body}).status_code == 400


def test_the_most_exact_association_is_an_endpoints_policy(cloud: Cloud):
    ids = _endpoint(cloud, "exact")
    places = {
        "service": f"services/{ids['service']}",
        "top": f"services/{ids['service']}/regions/{ids['top']}",
        "region": f"services/{ids['service']}/regions/{ids['region']}",
        "endpoint": f"endpoints/{ids['endpoint']}",
    }
    of_endpoint = f"{V3}/endpoints/{ids['endpoint']}/OS-ENDPOINT-POLICY/policy"
    assert cloud.admin.get(of_endpoint).status_code == 404

    for place in places.values():
        id_ = _policy(cloud)
        path = f"{V3}/policies/{id_}/OS-ENDPOINT-POLICY"
        assert cloud.admin.get(f"{path}/{place}").status_code == 404
        assert cloud.admin.put(f"{path}/{place}").status_code == 204
        assert cloud.admin.get(f"{path}/{place}").status_code == 204
        assert cloud.admin.get(of_endpoint).json()["policy"]["id"] == id_
        listed = cloud.admin.get(f"{path}/endpoints").json()["endpoints"]
        assert [one["id"] for one in listed] == [ids["endpoint"]]


def test_a_later_association_takes_the_place_of_an_earlier_one(cloud: Cloud):
    ids, first, second = _endpoint(cloud, "later"), _policy(cloud), _policy(cloud)
    place = f"OS-ENDPOINT-POLICY/services/{ids['service']}"

    cloud.admin.put(f"{V3}/policies/{first}/{place}")
    cloud.admin.put(f"{V3}/policies/{second}/{place}")

    assert cloud.admin.get(f"{V3}/policies/{first}/{place}").status_code == 404
    assert cloud.admin.delete(f"{V3}/policies/{first}/{place}").status_code == 404
    assert cloud.admin.delete(f"{V3}/policies/{second}/{place}").status_code == 204


def test_associations_go_with_the_policy_and_with_the_endpoint(cloud: Cloud):
    ids, id_ = _endpoint(cloud, "passing"), _policy(cloud)
    place = f"{V3}/policies/{id_}/OS-ENDPOINT-POLICY/endpoints/{ids['endpoint']}"
    cloud.admin.put(place)
    assert cloud.admin.delete(f"{V3}/endpoints/{ids['endpoint']}").status_code == 204

    assert cloud.admin.get(place).status_code == 404
    assert cloud.admin.delete(f"{V3}/policies/{id_}").status_code == 204
    assert cloud.admin.put(place).status_code == 404
