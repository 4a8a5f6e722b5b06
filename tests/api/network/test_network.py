"""Networks: who sees them, what may be set, when they may go."""

from .conftest import Net


def test_versions_need_no_token(net: Net) -> None:
    answer = net.client.get("/network/", headers={"X-Auth-Token": ""})

    assert answer.json()["versions"][0]["id"] == "v2.0"


def test_lists_only_extensions_that_are_there(net: Net) -> None:
    aliases = {one["alias"] for one in net.get("extensions")["extensions"]}

    assert {"router", "security-group", "standard-attr-tag"} <= aliases
    assert "trunk" not in aliases
    net.get("extensions/trunk", 404)


def test_makes_several_at_once(net: Net) -> None:
    body = {"networks": [{"name": "a"}, {"name": "b"}]}

    made = net.call("POST", "networks", 201, body)["networks"]

    assert [one["name"] for one in made] == ["a", "b"]


def test_bulk_is_all_or_nothing(net: Net) -> None:
    body = {"networks": [{"name": "a"}, {"name": "b" * 300}]}

    net.call("POST", "networks", 400, body)

    assert net.get("networks", name="a")["networks"] == []


def test_shows_what_a_new_network_has(net: Net) -> None:
    made = net.make("network", name="n")

    assert made["status"] == "ACTIVE"
    assert made["tenant_id"] == made["project_id"] == net.project_id
    assert made["router:external"] is False
    assert made["subnets"] == []
    assert "provider:network_type" not in made


def test_others_networks_are_not_there(net: Net, member) -> None:  # type: ignore[no-untyped-def]
    network, _ = net.network()
    other = member()

    other.get(f"networks/{network}", 404)
    other.put("network", network, 404, name="mine")
    error = other.drop("network", network, 404)

    assert error["type"] == "NetworkNotFound"


def test_shared_network_is_seen_but_not_to_be_changed(admin: Net, net: Net) -> None:
    network = admin.make("network", name="for-all", shared=True)["id"]

    net.get(f"networks/{network}")
    error = net.put("network", network, 403, name="mine")

    assert error["type"] == "PolicyNotAuthorized"
    admin.drop("network", network)


def test_sharing_is_for_admins(net: Net) -> None:
    net.make("network", 403, shared=True)
    net.make("network", 403, **{"router:external": True})
    net.make("network", 403, **{"provider:network_type": "vlan"})


def test_a_vlan_is_used_once(admin: Net) -> None:
    values = {
        "provider:network_type": "vlan",
        "provider:physical_network": "public",
        "provider:segmentation_id": 77,
    }
    first = admin.make("network", **values)

    error = admin.make("network", 409, **values)

    assert error["type"] == "VlanIdInUse"
    admin.drop("network", first["id"])


def test_a_network_with_ports_stays(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    port = net.port(network)["id"]

    assert net.drop("network", network, 409)["type"] == "NetworkInUse"
    net.drop("port", port)
    net.drop("network", network)


def test_revision_grows_and_if_match_holds(net: Net) -> None:
    made = net.make("network", name="n")
    path = f"networks/{made['id']}"
    changed = net.put("network", made["id"], name="m")

    assert changed["revision_number"] == made["revision_number"] + 1
    stale = {"If-Match": f"revision_number={made['revision_number']}"}
    net.call("PUT", path, 412, {"network": {"name": "x"}}, headers=stale)


def test_tags_and_their_filters(net: Net) -> None:
    network, _ = net.network()
    net.call("PUT", f"networks/{network}/tags", 200, {"tags": ["red", "blue"]})
    net.call("PUT", f"networks/{network}/tags/green", 201)
    net.call("DELETE", f"networks/{network}/tags/blue", 204)

    assert net.get("networks", tags="red,green")["networks"][0]["id"] == network
    assert net.get("networks", tags="blue")["networks"] == []
    assert net.get("networks", **{"not-tags": "red"})["networks"] != []
    net.get(f"networks/{network}/tags/blue", 404)


def test_pages_sorted_with_fields(net: Net) -> None:
    for name in "cab":
        net.make("network", name=name)

    answer = net.get("networks", project_id=net.project_id, sort_key="name", limit=2, fields="name")

    assert answer["networks"] == [{"name": "a"}, {"name": "b"}]
    following = net.client.get(answer["networks_links"][0]["href"]).json()
    assert following["networks"][0]["name"] == "c"


def test_refuses_what_it_does_not_know(net: Net) -> None:
    net.make("network", 400, colour="red")
    net.make("network", 400, name="n" * 256)
    net.make("network", 400, name=["n"])
    net.make("network", 400, admin_state_up="perhaps")
    net.call("POST", "networks", 400, {"net": {}})
    net.call("POST", "networks", 400, [])
    net.call("POST", "networks", 400, {"networks": []})
    net.call("POST", "networks", 400, {"network": None})


def test_quota_stops_networks(admin: Net, net: Net) -> None:
    path = f"quotas/{net.project_id}"
    admin.call("PUT", path, 200, {"quota": {"network": 1}})
    net.network()

    assert net.make("network", 409)["type"] == "OverQuota"
    detail = net.get(f"{path}/details")["quota"]["network"]
    assert detail == {"limit": 1, "used": 1, "reserved": 0}
    net.call("PUT", path, 403, {"quota": {"network": 5}})
    admin.call("DELETE", path, 204)
    assert net.get(path)["quota"]["network"] == 100
