"""Flavors, keypairs, groups, limits, hosts."""

from tests.cloud import Cloud

from .conftest import Compute


def test_a_first_start_leaves_the_usual_flavors(compute: Compute) -> None:
    found = {f["name"]: f for f in compute.call("GET", "/flavors/detail").json()["flavors"]}

    assert {"m1.nano", "m1.micro", "m1.tiny", "m1.small", "m1.medium"} <= set(found)
    assert (found["m1.small"]["ram"], found["m1.small"]["disk"]) == (2048, 20)


def test_a_private_flavor_is_seen_by_those_it_is_shared_with(
    compute: Compute, cloud: Cloud
) -> None:
    body = {"name": "private", "ram": 1, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
    made = compute.call("POST", "/flavors", {"flavor": body}, cloud.admin).json()["flavor"]
    path = f"/flavors/{made['id']}"
    assert compute.call("GET", path).status_code == 404

    share = {"addTenantAccess": {"tenant": cloud.demo.project_id}}
    compute.call("POST", f"{path}/action", share, cloud.admin)

    assert compute.call("GET", path).status_code == 200
    assert compute.call("GET", path, client=cloud.other).status_code == 404


def test_flavors_are_the_admins(compute: Compute, cloud: Cloud) -> None:
    body = {"flavor": {"name": "mine", "ram": 1, "vcpus": 1, "disk": 1}}

    assert compute.call("POST", "/flavors", body).status_code == 403
    assert compute.call("POST", "/flavors", {"flavor": {}}, cloud.admin).status_code == 400
    assert compute.call("POST", "/flavors", body, cloud.admin).status_code == 200
    assert compute.call("POST", "/flavors", body, cloud.admin).status_code == 409


def test_a_keypair_is_made_imported_and_deleted(compute: Compute, cloud: Cloud) -> None:
    made = compute.call("POST", "/os-keypairs", {"keypair": {"name": "made"}}, version="2.91")
    public = made.json()["keypair"]["public_key"]
    body = {"keypair": {"name": "again", "public_key": public}}
    imported = compute.call("POST", "/os-keypairs", body)

    assert "PRIVATE KEY" in made.json()["keypair"]["private_key"]
    assert imported.json()["keypair"]["fingerprint"] == made.json()["keypair"]["fingerprint"]
    assert compute.call("POST", "/os-keypairs", body).status_code == 409
    assert compute.call("GET", "/os-keypairs/made", client=cloud.other).status_code == 404
    assert compute.call("DELETE", "/os-keypairs/made").status_code == 204
    assert compute.call("GET", "/os-keypairs/made").status_code == 404


def test_a_bad_keypair_is_a_400(compute: Compute) -> None:
    for body in (
        {"name": "n", "public_key": "nonsense"},
        {"name": "", "public_key": "ssh-rsa AAAA"},
        {"name": "x" * 300, "public_key": "ssh-rsa AAAA"},
        {"name": "n"},
    ):
        answer = compute.call("POST", "/os-keypairs", {"keypair": body})
        assert answer.status_code == 400, answer.text


def test_members_of_an_anti_affinity_group_do_not_share_a_host(
    compute: Compute, cloud: Cloud
) -> None:
    body = {"server_group": {"name": "apart", "policy": "anti-affinity"}}
    group = compute.call("POST", "/os-server-groups", body).json()["server_group"]
    hints = {"os:scheduler_hints": {"group": group["id"]}}
    wanted = {"name": "m", "flavorRef": "42", "imageRef": compute.image, "networks": "none"}
    first, second = (
        compute.call("POST", "/servers", {"server": wanted} | hints).json()["server"]["id"]
        for _ in range(2)
    )

    compute.until(first, "ACTIVE")
    found = compute.until(second, "ERROR")

    assert "anti-affinity left 0" in found["fault"]["message"]
    for server_id in (first, second):
        compute.remove(server_id)


def test_limits_count_what_there_is(compute: Compute) -> None:
    before = compute.call("GET", "/limits").json()["limits"]["absolute"]
    server_id = compute.boot("counted")

    after = compute.call("GET", "/limits").json()["limits"]["absolute"]

    assert after["totalInstancesUsed"] == before["totalInstancesUsed"] + 1
    assert after["totalRAMUsed"] == before["totalRAMUsed"] + 128
    compute.remove(server_id)


def test_hypervisors_say_that_they_are_simulated(compute: Compute, cloud: Cloud) -> None:
    answer = compute.call("GET", "/os-hypervisors/detail", client=cloud.admin).json()
    services = compute.call("GET", "/os-services", client=cloud.admin).json()["services"]

    assert answer["hypervisors"][0]["hypervisor_type"] == "simulated"
    assert [(s["binary"], s["state"]) for s in services] == [("nova-compute", "up")]
    assert compute.call("GET", "/os-hypervisors").status_code == 403


def test_discovery_needs_no_token(cloud: Cloud) -> None:
    import httpx

    found = httpx.get(f"{cloud.base}/compute/v2.1").json()["version"]

    assert (found["min_version"], found["version"]) == ("2.1", "2.96")
