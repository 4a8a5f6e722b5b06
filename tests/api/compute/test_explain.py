"""Why a server found no host, and how many of a flavor would find one."""

from typing import Any

from tests.cloud import Cloud

from .conftest import Compute


def _flavor(cloud: Cloud, name: str, **size: int) -> str:
    wanted = {"name": name, "vcpus": 1, "ram": 64, "disk": 1} | size
    made = cloud.admin.post("/compute/v2.1/flavors", json={"flavor": wanted})
    assert made.status_code == 200, made.text
    return str(made.json()["flavor"]["id"])


def _ask(cloud: Cloud, query: str) -> Any:
    key = (cloud.config.state / "control.key").read_text()
    return cloud.admin.get(f"/pileus/explain?{query}", headers={"X-Pileus-Key": key})


def test_the_funnel_of_a_failure_says_what_each_constraint_removed(
    compute: Compute, cloud: Cloud
) -> None:
    huge = _flavor(cloud, "huge", disk=2_000_000_000)
    server_id = compute.ask("too-big", flavorRef=huge).json()["server"]["id"]

    answer = compute.call("GET", f"/servers/{server_id}/explain", client=cloud.admin)

    found = answer.json()["explain"]
    assert (found["status"], found["host"], found["now"]["fit"]) == ("ERROR", None, [])
    assert found["then"]["hosts"] == 1
    removed = [one for one in found["then"]["steps"] if one["removed"]]
    assert [(one["removed"], one["left"]) for one in removed] == [(1, 0)]
    assert "DISK_GB" in removed[0]["constraint"]
    fault = compute.show(server_id)["fault"]
    assert "funnel" not in fault and "1 host at the start" in fault["message"]
    compute.remove(server_id)


def test_a_server_that_found_a_host_says_where_one_like_it_fits(
    compute: Compute, cloud: Cloud
) -> None:
    server_id = compute.boot("fine")

    answer = compute.call("GET", f"/servers/{server_id}/explain", client=cloud.admin)

    found = answer.json()["explain"]
    assert (found["then"], found["host"], found["now"]["fit"]) == (None, "host-1", ["host-1"])
    compute.remove(server_id)


def test_only_an_admin_is_told_of_hosts(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("curious")

    own = compute.call("GET", f"/servers/{server_id}/explain")
    others = compute.call("GET", f"/servers/{server_id}/explain", client=cloud.other)

    assert (own.status_code, others.status_code) == (403, 404)
    compute.remove(server_id)


def test_as_many_fit_as_can_then_be_made(compute: Compute, cloud: Cloud) -> None:
    memory = cloud.admin.get("/compute/v2.1/os-hypervisors/detail").json()["hypervisors"][0]
    third = (memory["memory_mb"] - memory["memory_mb_used"] - 512) // 3
    _flavor(cloud, "third", ram=third)

    found = _ask(cloud, "flavor=third&count=4").json()

    assert (found["fit"], found["enough"], found["limited_by"]) == (3, False, {"MEMORY_MB": 1})


def test_what_is_not_there_is_not_explained(cloud: Cloud) -> None:
    statuses = [
        _ask(cloud, query).status_code
        for query in ("flavor=none", "server=none", "", "flavor=m1.nano&count=many")
    ]

    assert statuses == [404, 404, 400, 400]
