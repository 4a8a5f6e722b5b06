"""Migrate, live-migrate and evacuate, as far as a cloud of one host goes; tests/agent has more."""

from typing import Any

import pytest

from tests.cloud import Cloud

from .conftest import Compute

_LIVE = {"host": None, "block_migration": "auto"}
_EACH: tuple[dict[str, Any], ...] = (
    {"migrate": None},
    {"os-migrateLive": _LIVE},
    {"evacuate": {}},
)


def _act(cloud: Cloud, server_id: str, version: str = "2.90", **action: Any) -> Any:
    headers = {"OpenStack-API-Version": f"compute {version}"}
    url = f"/compute/v2.1/servers/{server_id}/action"
    return cloud.admin.post(url, json=action, headers=headers)


def _said(answer: Any) -> str:
    return str(next(iter(answer.json().values()))["message"])


@pytest.mark.parametrize("action", [{"migrate": None}, {"os-migrateLive": _LIVE}])
def test_without_another_host_there_is_no_valid_one_and_the_funnel_says_why(
    compute: Compute, cloud: Cloud, action: dict[str, Any]
) -> None:
    server_id = compute.boot("alone")

    answer = _act(cloud, server_id, **action)

    assert answer.status_code == 400
    assert _said(answer).startswith("No valid host was found: 1 host at the start")
    assert "another host left 0" in _said(answer)
    assert compute.until(server_id, "ACTIVE")["OS-EXT-STS:task_state"] is None
    compute.remove(server_id)


@pytest.mark.parametrize(
    "action",
    [{"migrate": {"host": "host-1"}}, {"os-migrateLive": _LIVE | {"host": "host-1"}}],
)
def test_the_same_host_is_a_400(compute: Compute, cloud: Cloud, action: dict[str, Any]) -> None:
    server_id = compute.boot("same")

    answer = _act(cloud, server_id, **action)

    assert (answer.status_code, "same host" in _said(answer)) == (400, True)
    compute.remove(server_id)


@pytest.mark.parametrize(
    "action",
    [{"migrate": {"host": "nowhere"}}, {"os-migrateLive": _LIVE | {"host": "nowhere"}}],
)
def test_an_unknown_host_is_a_400(compute: Compute, cloud: Cloud, action: dict[str, Any]) -> None:
    server_id = compute.boot("unknown")

    answer = _act(cloud, server_id, **action)

    assert answer.status_code == 400
    assert _said(answer) == "Compute host nowhere could not be found."
    compute.remove(server_id)


@pytest.mark.parametrize("action", _EACH)
def test_only_admins_may(compute: Compute, action: dict[str, Any]) -> None:
    server_id = compute.boot("policy")

    answer = compute.act(server_id, **action)

    assert answer.status_code == 403
    compute.remove(server_id)


@pytest.mark.parametrize(("power", "action"), [("pause", {"migrate": None})])
def test_a_wrong_state_is_a_409(
    compute: Compute, cloud: Cloud, power: str, action: dict[str, Any]
) -> None:
    server_id = compute.boot("state")
    compute.act(server_id, **{power: None})
    compute.until(server_id, "PAUSED")

    answer = _act(cloud, server_id, **action)

    assert answer.status_code == 409
    assert _said(answer) == (
        f"Cannot 'migrate' instance {server_id} while it is in vm_state paused"
    )
    compute.remove(server_id)


def test_a_live_migration_of_what_does_not_run_is_a_409(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("off")
    compute.act(server_id, **{"os-stop": None})
    compute.until(server_id, "SHUTOFF")

    answer = _act(cloud, server_id, **{"os-migrateLive": _LIVE})

    assert answer.status_code == 409
    compute.remove(server_id)


def test_a_live_migration_over_shared_storage_is_a_400(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("shared")

    answer = _act(cloud, server_id, **{"os-migrateLive": _LIVE | {"block_migration": False}})

    assert (answer.status_code, "block_migration" in _said(answer)) == (400, True)
    compute.remove(server_id)


def test_a_server_of_a_host_that_is_up_is_not_evacuated(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("up")

    answer = _act(cloud, server_id, evacuate={})

    assert answer.status_code == 400
    assert _said(answer) == "Compute service of host-1 is still in use."
    compute.remove(server_id)


def test_before_2_56_the_scheduler_chooses_the_host(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("old")

    answer = _act(cloud, server_id, "2.55", migrate={"host": "host-1"})

    assert answer.status_code == 400
    compute.remove(server_id)


def test_a_migration_that_is_none_is_not_aborted(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("abort")
    headers = {"OpenStack-API-Version": "compute 2.90"}

    answer = cloud.admin.delete(f"/compute/v2.1/servers/{server_id}/migrations/7", headers=headers)

    assert answer.status_code == 404
    compute.remove(server_id)
