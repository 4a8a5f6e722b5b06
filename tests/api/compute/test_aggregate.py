"""Host aggregates and the availability zones that they make."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cloud import Cloud

from .conftest import Compute

HOST = "host-1"


class Aggregates:
    """The admin's aggregates, removed at the end."""

    def __init__(self, compute: Compute) -> None:
        self.compute = compute
        self.made: list[int] = []

    def call(self, method: str, path: str = "", json: Any = None, **more: Any) -> httpx.Response:
        client = more.pop("client", self.compute.cloud.admin)
        return self.compute.call(method, f"/os-aggregates{path}", json, client, **more)

    def make(self, name: str, zone: str | None = None) -> int:
        body: dict[str, Any] = {"name": name} | ({"availability_zone": zone} if zone else {})
        answer = self.call("POST", json={"aggregate": body})
        assert answer.status_code == 200, answer.text
        self.made.append(answer.json()["aggregate"]["id"])
        return self.made[-1]

    def act(self, number: int, action: str, **body: Any) -> httpx.Response:
        return self.call("POST", f"/{number}/action", {action: body})

    def clear(self) -> None:
        for number in self.made:
            self.act(number, "remove_host", host=HOST)
            self.call("DELETE", f"/{number}")


@pytest.fixture
def aggregates(compute: Compute) -> Iterator[Aggregates]:
    found = Aggregates(compute)
    yield found
    found.clear()


def _zones(cloud: Cloud) -> list[str]:
    answer = cloud.demo.get("/compute/v2.1/os-availability-zone").json()
    return [zone["zoneName"] for zone in answer["availabilityZoneInfo"]]


def test_a_new_aggregate_is_shown_without_hosts(aggregates: Aggregates) -> None:
    answer = aggregates.call("POST", json={"aggregate": {"name": "fresh"}})
    made = answer.json()["aggregate"]
    aggregates.made.append(made["id"])

    shown = aggregates.call("GET", f"/{made['id']}").json()["aggregate"]

    assert "hosts" not in made
    assert (shown["name"], shown["hosts"], shown["metadata"]) == ("fresh", [], {})
    assert (shown["availability_zone"], shown["deleted"]) == (None, False)
    assert shown in aggregates.call("GET").json()["aggregates"]


def test_the_uuid_is_shown_from_2_41_on(aggregates: Aggregates) -> None:
    number = aggregates.make("old-and-new")

    old = aggregates.call("GET", f"/{number}", version="2.40").json()["aggregate"]
    new = aggregates.call("GET", f"/{number}", version="2.41").json()["aggregate"]

    assert "uuid" not in old and len(new["uuid"]) == 36


def test_a_name_is_used_once(aggregates: Aggregates) -> None:
    aggregates.make("single")

    answer = aggregates.call("POST", json={"aggregate": {"name": "single"}})

    assert answer.status_code == 409
    assert answer.json()["conflictingRequest"]["message"] == "Aggregate single already exists."


def test_a_host_is_in_the_zone_of_its_aggregate_and_back_in_nova_after_it(
    aggregates: Aggregates, cloud: Cloud
) -> None:
    number = aggregates.make("east-hosts", "east")

    added = aggregates.act(number, "add_host", host=HOST)

    assert added.json()["aggregate"]["hosts"] == [HOST]
    assert _zones(cloud) == ["east"]
    assert aggregates.act(number, "remove_host", host=HOST).status_code == 200
    assert _zones(cloud) == ["nova"]


def test_a_server_is_scheduled_into_a_zone(aggregates: Aggregates, compute: Compute) -> None:
    number = aggregates.make("west-hosts", "west")
    aggregates.act(number, "add_host", host=HOST)

    server_id = compute.boot("western", availability_zone="west")

    assert compute.show(server_id)["OS-EXT-AZ:availability_zone"] == "west"
    compute.remove(server_id)


def test_a_host_with_servers_keeps_its_zone(aggregates: Aggregates, compute: Compute) -> None:
    server_id = compute.boot("sitting")
    number = aggregates.make("moved-hosts", "elsewhere")
    plain = aggregates.make("plain-hosts")

    refused = aggregates.act(number, "add_host", host=HOST)
    allowed = aggregates.act(plain, "add_host", host=HOST)
    renamed = aggregates.call("PUT", f"/{plain}", {"aggregate": {"availability_zone": "elsewhere"}})

    assert refused.status_code == 409
    assert "has servers" in refused.json()["conflictingRequest"]["message"]
    assert allowed.status_code == 200
    assert renamed.status_code == 400
    assert aggregates.call("GET", f"/{plain}").json()["aggregate"]["availability_zone"] is None
    compute.remove(server_id)


def test_a_host_is_in_one_zone_only(aggregates: Aggregates) -> None:
    first, second = aggregates.make("first", "north"), aggregates.make("second", "south")
    aggregates.act(first, "add_host", host=HOST)

    again = aggregates.act(first, "add_host", host=HOST)
    other = aggregates.act(second, "add_host", host=HOST)

    assert (again.status_code, other.status_code) == (409, 409)
    assert "north" in other.json()["conflictingRequest"]["message"]


def test_metadata_is_set_and_taken_away(aggregates: Aggregates) -> None:
    number = aggregates.make("described")

    set_ = aggregates.act(number, "set_metadata", metadata={"ssd": "true", "zone": "z"})
    gone = aggregates.act(number, "set_metadata", metadata={"zone": None})

    assert set_.json()["aggregate"]["metadata"] == {"ssd": "true", "zone": "z"}
    assert gone.json()["aggregate"]["metadata"] == {"ssd": "true"}


def test_a_zone_set_as_metadata_moves_the_hosts(aggregates: Aggregates, cloud: Cloud) -> None:
    number = aggregates.make("late")
    aggregates.act(number, "add_host", host=HOST)

    aggregates.act(number, "set_metadata", metadata={"availability_zone": "late-zone"})

    assert _zones(cloud) == ["late-zone"]


def test_the_resource_provider_of_a_host_is_in_its_aggregates(
    aggregates: Aggregates, compute: Compute
) -> None:
    admin = compute.cloud.admin
    number = aggregates.make("provided")
    uuid = aggregates.call("GET", f"/{number}").json()["aggregate"]["uuid"]

    aggregates.act(number, "add_host", host=HOST)

    headers = {"OpenStack-API-Version": "placement 1.39"}
    query = {"member_of": uuid}
    found = admin.get("/placement/resource_providers", params=query, headers=headers).json()
    assert len(found["resource_providers"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/999999", None, 404),
        ("GET", "/one", None, 400),
        ("POST", "", {"aggregate": {"name": ""}}, 400),
        ("POST", "", {"aggregate": {"name": "a", "availability_zone": "a:b"}}, 400),
        ("POST", "", {"aggregate": {"name": "a", "color": "red"}}, 400),
        ("POST", "", {}, 400),
        ("POST", "/999999/action", {"add_host": {"host": HOST}}, 404),
        ("POST", "/999999/action", {"sing": {}}, 400),
        ("DELETE", "/999999", None, 404),
    ],
)
def test_bad_input_is_refused(
    aggregates: Aggregates, method: str, path: str, body: Any, status: int
) -> None:
    answer = aggregates.call(method, path, body)

    assert answer.status_code == status, answer.text


def test_a_host_that_is_not_there_is_not_found(aggregates: Aggregates) -> None:
    number = aggregates.make("lonely")

    added = aggregates.act(number, "add_host", host="nowhere")
    removed = aggregates.act(number, "remove_host", host=HOST)

    assert (added.status_code, removed.status_code) == (404, 404)


def test_an_aggregate_with_hosts_is_not_deleted(aggregates: Aggregates) -> None:
    number = aggregates.make("kept")
    aggregates.act(number, "add_host", host=HOST)

    assert aggregates.call("DELETE", f"/{number}").status_code == 400


def test_only_an_admin_sees_aggregates(aggregates: Aggregates, cloud: Cloud) -> None:
    assert aggregates.call("GET", client=cloud.demo).status_code == 403
