"""Actions on servers."""

import pytest

from tests.cloud import Cloud

from .conftest import Compute


def test_power_is_changed_and_each_action_is_remembered(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("power")

    for action, status in (
        ({"os-stop": None}, "SHUTOFF"),
        ({"os-start": None}, "ACTIVE"),
        ({"pause": None}, "PAUSED"),
        ({"unpause": None}, "ACTIVE"),
        ({"suspend": None}, "SUSPENDED"),
        ({"resume": None}, "ACTIVE"),
        ({"suspend": None}, "SUSPENDED"),
        ({"reboot": {"type": "HARD"}}, "ACTIVE"),
        ({"reboot": {"type": "SOFT"}}, "ACTIVE"),
    ):
        assert compute.act(server_id, **action).status_code == 202
        compute.until(server_id, status)

    events = compute.call("GET", f"/servers/{server_id}/os-instance-actions").json()
    names = [one["action"] for one in events["instanceActions"]]
    assert names[:2] == ["reboot", "reboot"]
    assert names[2:5] == ["suspend", "resume", "suspend"]
    assert names[5:] == ["unpause", "pause", "start", "stop", "create"]
    request_id = events["instanceActions"][-1]["request_id"]
    path = f"/servers/{server_id}/os-instance-actions/{request_id}"
    event = compute.call("GET", path, client=cloud.admin).json()["instanceAction"]["events"][0]
    assert (event["event"], event["result"]) == ("compute__do_build_and_run_instance", "Success")
    compute.remove(server_id)


def test_a_wrong_state_is_a_409(compute: Compute) -> None:
    server_id = compute.boot("state")

    answer = compute.act(server_id, **{"os-start": None})

    assert answer.status_code == 409
    assert answer.json()["conflictingRequest"]["message"] == (
        f"Cannot 'start' instance {server_id} while it is in vm_state active"
    )
    compute.remove(server_id)


@pytest.mark.parametrize(
    "action", [{"reboot": {"type": "NO"}}, {"reboot": None}, {"fly": None}, {}, {"a": 1, "b": 2}]
)
def test_an_action_that_is_none_is_a_400(compute: Compute, action: dict[str, object]) -> None:
    server_id = compute.boot("none")

    answer = compute.act(server_id, **action)

    assert answer.status_code == 400
    compute.remove(server_id)


def test_a_locked_server_is_left_alone_by_all_but_admins(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("locked")
    compute.act(server_id, lock={"locked_reason": "keep"})

    refused = compute.act(server_id, **{"os-stop": None})
    deleted = compute.call("DELETE", f"/servers/{server_id}")

    assert (refused.status_code, deleted.status_code) == (409, 409)
    assert compute.show(server_id)["locked_reason"] == "keep"
    compute.act(server_id, unlock=None)
    compute.remove(server_id)


def test_the_console_says_that_it_is_simulated(compute: Compute) -> None:
    server_id = compute.boot("console")

    answer = compute.act(server_id, **{"os-getConsoleOutput": {}})

    assert "simulated" in answer.json()["output"]
    compute.remove(server_id)


def test_only_admins_reset_a_state(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("reset")
    path, body = f"/servers/{server_id}/action", {"os-resetState": {"state": "error"}}

    refused = compute.call("POST", path, body)
    done = compute.call("POST", path, body, cloud.admin)

    assert (refused.status_code, done.status_code) == (403, 202)
    assert compute.show(server_id)["status"] == "ERROR"
    compute.remove(server_id)


def test_a_security_group_is_put_on_a_server_and_taken_off(compute: Compute, cloud: Cloud) -> None:
    net = cloud.demo.post("/network/v2.0/networks", json={"network": {"name": "grouped"}})
    network_id = net.json()["network"]["id"]
    body = {"network_id": network_id, "cidr": "10.91.0.0/24", "ip_version": 4}
    assert cloud.demo.post("/network/v2.0/subnets", json={"subnet": body}).status_code == 201
    group = {"security_group": {"name": "more"}}
    assert cloud.demo.post("/network/v2.0/security-groups", json=group).status_code == 201
    server_id = compute.boot("grouped", networks=[{"uuid": network_id}])

    def names() -> set[str]:
        return {group["name"] for group in compute.show(server_id)["security_groups"]}

    assert compute.act(server_id, addSecurityGroup={"name": "more"}).status_code == 202
    assert names() == {"default", "more"}
    assert compute.act(server_id, removeSecurityGroup={"name": "default"}).status_code == 202
    assert names() == {"more"}
    assert compute.act(server_id, removeSecurityGroup={"name": "default"}).status_code == 404
    assert compute.act(server_id, addSecurityGroup={"name": "none"}).status_code == 404
    assert compute.act(server_id, addSecurityGroup={}).status_code == 400
    compute.remove(server_id)


def test_lock_takes_an_empty_object_for_null(compute: Compute) -> None:
    server_id = compute.boot("empty")
    path = f"/servers/{server_id}/action"

    answer = compute.call("POST", path, {"lock": {}}, version="2.1")

    assert answer.status_code == 202
    compute.act(server_id, unlock=None)
    compute.remove(server_id)


def test_more_metadata_than_the_quota_is_a_403(compute: Compute) -> None:
    meta = {f"key{index}": "" for index in range(129)}

    assert compute.ask("much", metadata=meta).status_code == 403


def test_aggregates_are_an_empty_list_to_admins(compute: Compute, cloud: Cloud) -> None:
    found = compute.call("GET", "/os-aggregates", client=cloud.admin)

    assert (found.status_code, found.json()) == (200, {"aggregates": []})
    assert compute.call("GET", "/os-aggregates").status_code == 403
