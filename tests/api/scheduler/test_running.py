"""What scheduling makes of servers that really run, on a simulated host."""

from typing import Any

import pytest

from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.compute.host import ComputeHost, host_id
from pileus.core.backend import Refused
from tests.api.compute.conftest import Compute
from tests.cloud import Cloud

PLACEMENT = {"OpenStack-API-Version": "placement 1.39"}


@pytest.fixture
def compute(cloud: Cloud) -> Compute:
    return Compute(cloud)


def _flavor(cloud: Cloud, name: str, specs: dict[str, str], **size: int) -> str:
    wanted = {"id": name, "name": name, "vcpus": 2, "ram": 128, "disk": 1} | size
    cloud.admin.post("/compute/v2.1/flavors", json={"flavor": wanted})
    path = f"/compute/v2.1/flavors/{name}/os-extra_specs"
    answer = cloud.admin.post(path, json={"extra_specs": specs})
    assert answer.status_code == 200, answer.text
    return name


def _traits(cloud: Cloud, change: Any) -> None:
    path = f"/placement/resource_providers/{host_id('host-1')}/traits"
    body = cloud.admin.get(path, headers=PLACEMENT).json()
    body["traits"] = sorted(change(set(body["traits"])))
    answer = cloud.admin.put(path, json=body, headers=PLACEMENT)
    assert answer.status_code == 200, answer.text


def test_a_server_with_cells_and_a_topology_runs_and_is_resized(
    compute: Compute, cloud: Cloud
) -> None:
    specs = {"hw:numa_nodes": "2", "hw:cpu_cores": "2", "hw:cpu_max_sockets": "1"}
    server_id = compute.boot(flavorRef=_flavor(cloud, "cells", specs))
    plain = compute.boot(flavorRef="42")
    shaped = _flavor(cloud, "shaped", {"hw:cpu_threads": "2"})

    compute.act(plain, resize={"flavorRef": shaped})

    compute.until(plain, "VERIFY_RESIZE")
    compute.act(plain, revertResize=None)
    compute.until(plain, "ACTIVE")
    for one in (server_id, plain):
        compute.remove(one)
    assert cloud.audit() == []


def test_an_unshelved_server_asks_for_its_traits_again(compute: Compute, cloud: Cloud) -> None:
    cloud.admin.put("/placement/traits/CUSTOM_GOLD", headers=PLACEMENT)
    _traits(cloud, lambda names: names | {"CUSTOM_GOLD"})
    gold = _flavor(cloud, "gold", {"trait:CUSTOM_GOLD": "required"})
    server_id = compute.boot(flavorRef=gold)
    compute.act(server_id, shelve=None)
    compute.until(server_id, "SHELVED_OFFLOADED")
    _traits(cloud, lambda names: names - {"CUSTOM_GOLD"})

    compute.act(server_id, unshelve=None)

    def failed() -> bool:
        path = f"/servers/{server_id}/os-instance-actions"
        actions = compute.call("GET", path).json()["instanceActions"]
        return [one["message"] for one in actions if one["action"] == "unshelve"] == ["Error"]

    cloud.until(failed, "unshelving to fail")
    compute.until(server_id, "SHELVED_OFFLOADED")
    _traits(cloud, lambda names: names | {"CUSTOM_GOLD"})
    compute.act(server_id, unshelve=None)
    compute.until(server_id, "ACTIVE")
    compute.remove(server_id)


def test_a_host_remembers_servers_that_it_could_not_make_until_it_makes_one(
    compute: Compute, cloud: Cloud
) -> None:
    def failures() -> int | None:
        host = cloud.app.db.read(lambda tx: tx.get(ComputeHost, host_id("host-1")))
        assert host is not None
        return host.build_failures

    driver = cloud.machine.compute
    assert isinstance(driver, SimulatedCompute)
    driver.fail_next("ensure", Refused("no such luck"))

    broken = str(compute.ask("broken").json()["server"]["id"])

    compute.until(broken, "ERROR")
    assert failures() == 1
    sound = compute.boot("sound")
    assert failures() is None
    for one in (broken, sound):
        compute.remove(one)
