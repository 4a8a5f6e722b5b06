"""Unified limits: the identity service says how many images a project may have."""

from typing import Any

from ...cloud import Cloud

V3 = "/identity/v3"


def test_limits_of_identity_hold_for_images(cloud: Cloud) -> None:
    services = cloud.admin.get(f"{V3}/services", params={"type": "image"}).json()["services"]
    place = {"service_id": services[0]["id"], "resource_name": "image_count_total"}
    body: Any = {"registered_limits": [place | {"default_limit": 1}]}
    assert cloud.admin.post(f"{V3}/registered_limits", json=body).status_code == 201

    first, second = (cloud.demo.post("/image/v2/images", json={}) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 413)
    own = {"project_id": cloud.demo.project_id, "region_id": "RegionOne", "resource_limit": 2}
    region = {"registered_limits": [place | {"default_limit": 1, "region_id": "RegionOne"}]}
    assert cloud.admin.post(f"{V3}/registered_limits", json=region).status_code == 201
    answer = cloud.admin.post(f"{V3}/limits", json={"limits": [place | own]})
    assert answer.status_code == 201, answer.text
    assert cloud.demo.post("/image/v2/images", json={}).status_code == 201
    usage = cloud.demo.get("/image/v2/info/usage").json()["usage"]
    assert usage["image_count_total"] == {"usage": 2, "limit": 2}
