"""What must never be given twice, claimed through two processes on PostgreSQL and one on SQLite."""

from collections import Counter

import httpx
import pytest

from ..wait import until
from .fleet import Fleet, at_once

_SOON = 4.0


def _codes(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_200_creates_at_a_limit_of_10_give_exactly_10(claimed: Fleet) -> None:
    clients = [claimed.client(p.base) for p in claimed.processes]
    claimed.unlimited(clients[0], instances=10)
    body = claimed.server(clients[0], None)

    answers = at_once(
        200, lambda n: clients[n % len(clients)].post("/compute/v2.1/servers", json=body)
    )

    assert _codes(answers) == {202: 10, 403: 190}
    for answer in answers:
        if answer.status_code == 202:
            clients[0].delete(f"/compute/v2.1/servers/{answer.json()['server']['id']}")
    until(lambda: not claimed.statuses(clients[-1]), "the servers to be gone")
    assert claimed.audit() == []


def test_500_port_creates_in_a_24_give_distinct_addresses_and_clean_409s(claimed: Fleet) -> None:
    clients = [claimed.client(p.base) for p in claimed.processes]
    claimed.unlimited(clients[0])
    network, _ = claimed.network(clients[0], "10.9.0.0/24")
    body = {"port": {"network_id": network}}

    answers = at_once(
        500, lambda n: clients[n % len(clients)].post("/network/v2.0/ports", json=body)
    )

    # 256 less the network's, the broadcast and the gateway's address.
    assert _codes(answers) == {201: 253, 409: 247}
    ports = [a.json()["port"] for a in answers if a.status_code == 201]
    assert len({port["fixed_ips"][0]["ip_address"] for port in ports}) == 253
    kinds = {a.json()["NeutronError"]["type"] for a in answers if a.status_code == 409}
    assert kinds == {"IpAddressGenerationFailure"}
    assert claimed.audit() == []
    at_once(
        len(ports),
        lambda n: clients[n % len(clients)].delete(f"/network/v2.0/ports/{ports[n]['id']}"),
    )


def test_a_port_is_attached_to_one_server_only(claimed: Fleet) -> None:
    clients = [claimed.client(p.base) for p in claimed.processes]
    claimed.unlimited(clients[0])
    network, _ = claimed.network(clients[0], "10.10.0.0/24")
    body = {"port": {"network_id": network}}
    port = clients[0].post("/network/v2.0/ports", json=body).json()["port"]["id"]
    server = claimed.server(clients[0], None)
    server["server"]["networks"] = [{"port": port}]

    answers = at_once(
        20, lambda n: clients[n % len(clients)].post("/compute/v2.1/servers", json=server)
    )

    assert _codes(answers)[202] == 1
    assert set(_codes(answers)) <= {202, 400, 409}
    until(lambda: "BUILD" not in claimed.statuses(clients[0]), "the server to be built")
    owner = clients[-1].get(f"/network/v2.0/ports/{port}").json()["port"]["device_id"]
    assert owner == next(a.json()["server"]["id"] for a in answers if a.status_code == 202)
    assert clients[0].delete(f"/compute/v2.1/servers/{owner}").status_code == 204
    until(lambda: not claimed.statuses(clients[-1]), "the server to be gone")
    assert claimed.audit() == []


def test_claims_of_separate_processes_never_exceed_an_inventory(claimed: Fleet) -> None:
    clients = [claimed.client(p.base) for p in claimed.processes]
    for client in clients:
        client.headers["OpenStack-API-Version"] = "placement 1.39"
    made = clients[0].post("/placement/resource_providers", json={"name": "small"})
    provider = made.json()["uuid"]
    path = f"/placement/resource_providers/{provider}/inventories"
    stock = {"VCPU": {"total": 7}}
    put = {"resource_provider_generation": 0, "inventories": stock}
    assert clients[0].put(path, json=put).status_code == 200

    def claim(number: int) -> httpx.Response:
        body = {
            "allocations": {provider: {"resources": {"VCPU": 1}}},
            "project_id": "p",
            "user_id": "u",
            "consumer_generation": None,
            "consumer_type": "TEST",
        }
        consumer = f"c0000000-0000-4000-8000-{number:012d}"
        return clients[number % len(clients)].put(f"/placement/allocations/{consumer}", json=body)

    answers = at_once(100, claim)

    assert _codes(answers) == {204: 7, 409: 93}
    usages = clients[-1].get(f"/placement/resource_providers/{provider}/usages").json()
    assert usages["usages"] == {"VCPU": 7}
    for number, answer in enumerate(answers):
        if answer.status_code == 204:
            gone = f"/placement/allocations/c0000000-0000-4000-8000-{number:012d}"
            assert clients[0].delete(gone).status_code == 204


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("asked", [0, 1])
def test_a_server_on_the_other_process_s_host_is_made_and_deleted_at_once(
    pair: Fleet, asked: int, number: int
) -> None:
    client = pair.client(pair.processes[asked].base)
    pair.unlimited(client)
    network, _ = pair.network(client, f"10.11.{10 * asked + number}.0/24")
    body = pair.server(client, network)
    body["server"]["availability_zone"] = "nova:host-1"

    made = client.post("/compute/v2.1/servers", json=body).json()["server"]["id"]

    path = f"/compute/v2.1/servers/{made}"

    def built() -> bool:
        return bool(client.get(path).json()["server"]["status"] == "ACTIVE")

    # No poll brings this about so soon: each process hears what the other one has done.
    until(built, "the server to be ACTIVE on host-1", seconds=_SOON)
    assert client.delete(path).status_code == 204
    until(lambda: client.get(path).status_code == 404, "the server to be gone", seconds=_SOON)
    assert pair.audit() == []
