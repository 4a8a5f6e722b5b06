"""Servers: create, show, list, change, delete."""

from tests.cloud import Cloud

from .conftest import Compute


def test_a_server_becomes_active_and_goes_without_a_trace(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("trace")

    compute.remove(server_id)

    cloud.settle()
    assert [found.id for found in cloud.machine.compute.observe()].count(server_id) == 0
    assert cloud.audit() == []


def test_the_answer_to_a_create_has_a_password_and_a_location(compute: Compute) -> None:
    answer = compute.ask("answer")

    server = answer.json()["server"]
    assert server["adminPass"]
    assert answer.headers["Location"].endswith(server["id"])
    compute.until(server["id"], "ACTIVE")
    compute.remove(server["id"])


def test_another_project_does_not_see_a_server(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("hidden")

    for method in ("GET", "DELETE"):
        answer = compute.call(method, f"/servers/{server_id}", client=cloud.other)
        assert answer.status_code == 404
        assert answer.json()["itemNotFound"]["code"] == 404
    compute.remove(server_id)


def test_a_flavor_larger_than_any_host_ends_in_error_and_says_why(
    compute: Compute, cloud: Cloud
) -> None:
    big = {"flavor": {"name": "huge", "ram": 1 << 30, "vcpus": 1, "disk": 1, "id": "huge"}}
    assert compute.call("POST", "/flavors", big, cloud.admin).status_code == 200
    cloud.admin.put(
        f"/compute/v2.1/os-quota-sets/{cloud.demo.project_id}", json={"quota_set": {"ram": -1}}
    )

    server_id = compute.ask("huge", flavorRef="huge").json()["server"]["id"]

    found = compute.until(server_id, "ERROR")
    assert "No valid host was found: 1 host at the start" in found["fault"]["message"]
    assert "MEMORY_MB" in found["fault"]["message"]
    cloud.settle()
    assert cloud.audit() == []
    compute.remove(server_id)


def test_quota_is_kept_and_nothing_is_made_beyond_it(compute: Compute, cloud: Cloud) -> None:
    answer = compute.ask("many", min_count=11)

    assert answer.status_code == 403
    assert "instances" in answer.json()["forbidden"]["message"]
    listed = compute.call("GET", "/servers?name=many").json()["servers"]
    assert listed == []


def test_several_servers_are_made_at_once(compute: Compute) -> None:
    answer = compute.ask("batch", min_count=2, max_count=3, return_reservation_id=True)

    assert answer.json()["reservation_id"].startswith("r-")
    found = compute.call("GET", "/servers?name=batch&sort_key=display_name&sort_dir=asc").json()
    assert [s["name"] for s in found["servers"]] == ["batch-1", "batch-2", "batch-3"]
    for server in found["servers"]:
        compute.until(server["id"], "ACTIVE")
        compute.remove(server["id"])


def test_bad_requests_change_nothing(compute: Compute) -> None:
    for more in (
        {"name": ""},
        {"name": "x" * 300},
        {"name": 5},
        {"flavorRef": "no-such"},
        {"imageRef": "no-such"},
        {"imageRef": "11111111-1111-1111-1111-111111111111"},
        {"networks": "some"},
        {"networks": [{"uuid": "nonsense"}]},
        {"unknown": 1},
        {"metadata": {"k": 5}},
        {"user_data": "not base64 !"},
        {"min_count": 3, "max_count": 2},
        {"key_name": "absent"},
        {"availability_zone": "mars"},
        {"security_groups": "default"},
        {"block_device_mapping_v2": [{"source_type": "volume", "uuid": "a", "boot_index": 0}]},
        {"tags": ["a", "a"]},
    ):
        answer = compute.ask(**({"name": "bad"} | more))
        assert answer.status_code == 400, (more, answer.text)
        assert answer.json()["badRequest"]["message"]
    assert compute.call("GET", "/servers?name=bad").json()["servers"] == []


def test_malformed_json_is_a_400(compute: Compute, cloud: Cloud) -> None:
    headers = {"Content-Type": "application/json"}
    answer = cloud.demo.post("/compute/v2.1/servers", content=b"{", headers=headers)

    assert answer.status_code == 400
    assert "Malformed JSON" in answer.json()["badRequest"]["message"]


def test_a_microversion_above_the_ceiling_is_a_406(compute: Compute) -> None:
    assert compute.call("GET", "/servers", version="2.97").status_code == 406


def test_lists_are_filtered_and_paged(compute: Compute, cloud: Cloud) -> None:
    ids = [compute.boot(f"page-{n}", tags=[f"t{n}"]) for n in range(3)]

    first = compute.call("GET", "/servers?limit=2&name=page-").json()
    marker = first["servers"][-1]["id"]
    rest = compute.call("GET", f"/servers?limit=2&name=page-&marker={marker}").json()
    tagged = compute.call("GET", "/servers?tags=t1").json()["servers"]
    shut = compute.call("GET", "/servers?status=SHUTOFF").json()["servers"]
    odd = compute.call("GET", "/servers?name=^page-[02]$").json()["servers"]

    assert [s["name"] for s in first["servers"] + rest["servers"]] == ["page-2", "page-1", "page-0"]
    assert first["servers_links"][0]["rel"] == "next"
    assert [s["name"] for s in tagged] == ["page-1"]
    assert shut == []
    assert {s["name"] for s in odd} == {"page-0", "page-2"}
    for server_id in ids:
        compute.remove(server_id)


def test_only_admins_see_other_projects_and_hosts(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("seen")

    refused = compute.call("GET", "/servers/detail?all_tenants=1")
    wide = compute.call("GET", "/servers/detail?all_tenants=1&host=host-1", client=cloud.admin)

    assert refused.status_code == 403
    found = {s["id"]: s for s in wide.json()["servers"]}[server_id]
    assert found["OS-EXT-SRV-ATTR:host"] == "host-1"
    assert "OS-EXT-SRV-ATTR:host" not in compute.show(server_id)
    compute.remove(server_id)


def test_a_server_is_renamed(compute: Compute) -> None:
    server_id = compute.boot("old")

    body = {"server": {"name": "new", "description": "d", "accessIPv4": "192.0.2.1"}}
    answer = compute.call("PUT", f"/servers/{server_id}", body)

    server = answer.json()["server"]
    assert (server["name"], server["description"], server["accessIPv4"]) == (
        "new",
        "d",
        "192.0.2.1",
    )
    compute.remove(server_id)


def test_metadata_and_tags(compute: Compute) -> None:
    server_id = compute.boot("parts", metadata={"a": "1"})
    path = f"/servers/{server_id}"

    compute.call("POST", f"{path}/metadata", {"metadata": {"b": "2"}})
    compute.call("DELETE", f"{path}/metadata/a")
    compute.call("PUT", f"{path}/tags/red")

    assert compute.call("GET", f"{path}/metadata").json() == {"metadata": {"b": "2"}}
    assert compute.call("GET", f"{path}/tags").json() == {"tags": ["red"]}
    assert compute.call("GET", f"{path}/metadata/a").status_code == 404
    compute.remove(server_id)


def test_a_deleted_server_is_listed_for_those_who_ask_for_changes(
    compute: Compute, cloud: Cloud
) -> None:
    server_id = compute.boot("changes")
    compute.remove(server_id)

    found = compute.call("GET", "/servers/detail?changes-since=2000-01-01T00:00:00Z").json()

    assert {s["id"]: s["status"] for s in found["servers"]}[server_id] == "DELETED"


def test_version_2_0_is_2_1_without_microversions(compute: Compute, cloud: Cloud) -> None:
    found = cloud.demo.get("/compute/").json()["versions"]
    assert [one["id"] for one in found] == ["v2.0", "v2.1"]
    assert cloud.demo.get("/compute/v2/").json()["version"]["id"] == "v2.0"

    server_id = compute.boot("old")

    assert cloud.demo.get(f"/compute/v2/servers/{server_id}").json()["server"]["name"] == "old"
    newer = {"OpenStack-API-Version": "compute 2.90"}
    answer = cloud.demo.get(f"/compute/v2/servers/{server_id}", headers=newer)
    assert "tags" not in answer.json()["server"], "v2.0 has no microversions"
    compute.remove(server_id)


def test_a_whole_domain_name_is_a_hostname_from_2_94(compute: Compute) -> None:
    name = "guest-test.example.org"

    assert compute.ask(hostname=name, version="2.93").status_code == 400
    server_id = compute.boot(hostname=name, version="2.94")

    assert compute.show(server_id)["OS-EXT-SRV-ATTR:hostname"] == name
    compute.remove(server_id)
