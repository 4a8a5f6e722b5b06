"""Lists of hypervisors and of services, in a cloud of several hosts."""

from collections.abc import Iterator
from typing import Any

import pytest

from pileus.compute.driver import ComputeDriver
from pileus.compute.host import ComputeHost, register, seen
from pileus.core.db import Tx
from tests.cloud import Cloud

from .conftest import Compute

HOSTS = ["host-1", *(f"rack-{number}" for number in range(1, 7))]


@pytest.fixture
def hosts(cloud: Cloud) -> Iterator[list[str]]:
    """The names of all hosts, in order."""
    facts = cloud.parts[ComputeDriver].facts()

    def work(tx: Tx) -> None:
        for name in HOSTS[1:]:
            register(tx, name, type(facts)(**{**vars(facts), "hostname": name}))

    cloud.app.db.run(work)
    yield HOSTS


def names(listed: list[dict[str, Any]]) -> list[str]:
    return [one["hypervisor_hostname"] for one in listed]


@pytest.mark.parametrize("version", ["2.33", "2.53", "2.96"])
@pytest.mark.parametrize("path", ["/os-hypervisors", "/os-hypervisors/detail"])
def test_pages_of_hypervisors_show_each_of_them_once(
    compute: Compute, cloud: Cloud, hosts: list[str], path: str, version: str
) -> None:
    found: list[str] = []
    following = f"{path}?limit=3"
    sizes = []

    while following:
        page = compute.call("GET", following, client=cloud.admin, version=version).json()
        found += names(page["hypervisors"])
        sizes.append(len(page["hypervisors"]))
        href = page.get("hypervisors_links", [{"href": ""}])[0]["href"]
        following = href.partition("/compute/v2.1")[2]

    assert len(found) == len(hosts)
    assert sizes == [3, 3, 1]
    assert set(found[1:]) == set(hosts[1:])


def test_a_page_begins_after_its_marker(compute: Compute, cloud: Cloud, hosts: list[str]) -> None:
    every = compute.call("GET", "/os-hypervisors", client=cloud.admin).json()["hypervisors"]
    path = f"/os-hypervisors?marker={every[2]['id']}"

    page = compute.call("GET", path, client=cloud.admin).json()

    assert page == {"hypervisors": every[3:]}


def test_before_2_33_there_are_no_pages(compute: Compute, cloud: Cloud, hosts: list[str]) -> None:
    path = "/os-hypervisors?limit=3&marker=none"

    page = compute.call("GET", path, client=cloud.admin, version="2.32").json()

    assert len(page["hypervisors"]) == len(hosts)


@pytest.mark.parametrize(
    "query",
    [
        "marker=6b7dd8b4-0d0c-4d3d-8a3a-000000000000",
        "limit=-1",
        "limit=few",
        "hypervisor_hostname_pattern=rack&limit=2",
        "hypervisor_hostname_pattern=rack&marker=6b7dd8b4-0d0c-4d3d-8a3a-000000000000",
    ],
)
def test_a_page_that_cannot_be_is_refused(compute: Compute, cloud: Cloud, query: str) -> None:
    answer = compute.call("GET", f"/os-hypervisors?{query}", client=cloud.admin)

    assert answer.status_code == 400, answer.text


def test_a_pattern_finds_hypervisors(compute: Compute, cloud: Cloud, hosts: list[str]) -> None:
    path = "/os-hypervisors?hypervisor_hostname_pattern=rack-"

    found = compute.call("GET", path, client=cloud.admin).json()["hypervisors"]

    assert names(found) == hosts[1:]


@pytest.mark.parametrize("version", ["2.52", "2.96"])
def test_a_hypervisor_is_shown_by_the_id_it_is_listed_with(
    compute: Compute, cloud: Cloud, hosts: list[str], version: str
) -> None:
    path, admin = "/os-hypervisors", cloud.admin
    listed = compute.call("GET", path, client=admin, version=version).json()["hypervisors"][-1]

    shown = compute.call("GET", f"{path}/{listed['id']}", client=admin, version=version).json()

    assert shown["hypervisor"]["hypervisor_hostname"] == listed["hypervisor_hostname"]


def test_a_page_says_what_its_hypervisors_hold(
    compute: Compute, cloud: Cloud, hosts: list[str]
) -> None:
    on = {"client": cloud.admin, "availability_zone": "nova:host-1"}
    server_id = compute.boot("held", **on)
    path, used = "/os-hypervisors/detail?with_servers=true&limit=1", []

    for version in ("2.87", "2.96"):
        page = compute.call("GET", path, client=cloud.admin, version=version).json()
        used.append(page["hypervisors"][0])

    assert [one["servers"] for one in used] == [[{"uuid": server_id, "name": "held"}]] * 2
    assert (used[0]["running_vms"], used[0]["memory_mb_used"]) == (1, 128)
    compute.remove(server_id, client=cloud.admin)


def test_services_are_listed_whole_and_found_by_host(
    compute: Compute, cloud: Cloud, hosts: list[str]
) -> None:
    def listed(query: str) -> list[str]:
        answer = compute.call("GET", f"/os-services{query}", client=cloud.admin).json()
        return [one["host"] for one in answer["services"]]

    assert listed("?limit=2") == hosts  # there is no paging of services
    assert listed("?host=rack-2") == ["rack-2"]
    assert listed("?host=nowhere") == []
    assert listed("?binary=nova-conductor") == []


def test_a_service_is_changed_by_its_id(compute: Compute, cloud: Cloud, hosts: list[str]) -> None:
    path, admin = "/os-services", cloud.admin
    row = compute.call("GET", f"{path}?host=rack-3", client=admin).json()["services"][0]
    unknown = compute.call("PUT", f"{path}/{row['id'][::-1]}", {"status": "disabled"}, admin)

    answer = compute.call("PUT", f"{path}/{row['id']}", {"status": "disabled"}, admin)

    assert answer.json()["service"] | {"updated_at": 0} == row | {
        "status": "disabled",
        "updated_at": 0,
    }
    assert unknown.status_code == 404


def test_only_the_hosts_that_were_heard_of_are_noted(cloud: Cloud, hosts: list[str]) -> None:
    def times(tx: Tx) -> dict[str, Any]:
        return {row.host: row.last_seen for row in tx.all(ComputeHost) if row.host != "host-1"}

    before = cloud.app.db.read(times)
    cloud.app.db.run(lambda tx: seen(tx, ["rack-1", "rack-4", "nowhere"]))
    after = cloud.app.db.read(times)

    assert {host for host in after if after[host] != before[host]} == {"rack-1", "rack-4"}
