"""Resource providers and what they have."""

from .conftest import Api

AGG = "a0000000-0000-4000-8000-000000000001"


def test_the_version_document_needs_no_token(api: Api) -> None:
    answer = api.by("").call("GET", "")

    assert answer.status_code == 200
    version = answer.json()["versions"][0]
    assert (version["id"], version["min_version"], version["max_version"]) == (
        "v1.0",
        "1.0",
        "1.39",
    )


def test_a_provider_is_made_shown_renamed_and_deleted(api: Api) -> None:
    made = api.call("POST", "/resource_providers", {"name": "one"})
    uuid = made.json()["uuid"]
    renamed = api.put(f"/resource_providers/{uuid}", {"name": "two"}).json()
    gone = api.call("DELETE", f"/resource_providers/{uuid}")

    assert made.status_code == 200
    assert made.headers["Location"].endswith(f"/placement/resource_providers/{uuid}")
    assert made.headers["Cache-Control"] == "no-cache" and "Last-Modified" in made.headers
    assert renamed["name"] == "two"
    assert renamed["root_provider_uuid"] == uuid and renamed["parent_provider_uuid"] is None
    assert gone.status_code == 204
    assert api.call("GET", f"/resource_providers/{uuid}").status_code == 404


def test_old_versions_show_less(api: Api) -> None:
    old = api.at("1.0")
    made = old.call("POST", "/resource_providers", {"name": "one"})
    uuid = made.headers["Location"].rsplit("/", 1)[1]

    shown = old.get(f"/resource_providers/{uuid}")

    assert made.status_code == 201 and not made.content
    assert set(shown) == {"uuid", "name", "generation", "links"}
    assert [link["rel"] for link in shown["links"]] == ["self", "inventories", "usages"]


def test_a_name_is_taken_once(api: Api) -> None:
    api.provider(1)

    answer = api.call("POST", "/resource_providers", {"name": "p1"})

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "placement.duplicate_name"


def test_filters_narrow_the_list(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4}, ("HW_CPU_X86_VMX",), (AGG,))
    child = api.provider(2, {"VGPU": 1}, parent=one)
    other = api.provider(3, {"VCPU": 2})

    def ids(query: str) -> set[str]:
        found = api.get(f"/resource_providers?{query}")["resource_providers"]
        return {p["uuid"] for p in found}

    assert ids("") == {one, child, other}
    assert ids("name=p1") == {one}
    assert ids(f"uuid={other}") == {other}
    assert ids(f"in_tree={child}") == {one, child}
    assert ids("resources=VCPU:3") == {one}
    assert ids("required=HW_CPU_X86_VMX") == {one}
    assert ids("required=!HW_CPU_X86_VMX") == {child, other}
    assert ids("required=HW_CPU_X86_VMX,!HW_CPU_X86_VMX") == set()
    assert ids("required=in:HW_CPU_X86_VMX,HW_CPU_X86_AVX") == {one}
    assert ids(f"member_of={AGG}") == {one}
    assert ids(f"member_of=!{AGG}") == {child, other}


def test_filters_that_make_no_sense_are_refused(api: Api) -> None:
    for query in (
        "bad=1",
        "uuid=x",
        "resources=VCPU",
        "resources=VCPU:0",
        "resources=NOPE:1",
        "required=NOPE",
        "required=",
        "member_of=x",
        f"member_of={AGG},{AGG}",
        "in_tree=x",
    ):
        assert api.call("GET", f"/resource_providers?{query}").status_code == 400, query
    assert (
        api.at("1.17").call("GET", "/resource_providers?required=HW_CPU_X86_VMX").status_code == 400
    )
    assert (
        api.at("1.21").call("GET", "/resource_providers?required=!HW_CPU_X86_VMX").status_code
        == 400
    )


def test_bodies_that_make_no_sense_are_refused(api: Api) -> None:
    for body in (
        [],
        {},
        {"name": 5},
        {"name": ""},
        {"name": "x" * 300},
        {"name": "x", "uuid": "y"},
        {"name": "x", "odd": 1},
        {"name": "x", "parent_provider_uuid": AGG},
    ):
        answer = api.call("POST", "/resource_providers", body)
        assert answer.status_code == 400, body
        assert answer.json()["errors"][0]["title"] == "Bad Request"
    assert api.call("POST", "/resource_providers", content=b"{").status_code == 400
    assert api.get("/resource_providers")["resource_providers"] == []


def test_trees_move_whole_and_never_loop(api: Api) -> None:
    root, other = api.provider(1), api.provider(2)
    child = api.provider(3, parent=root)
    leaf = api.provider(4, parent=child)

    early = api.at("1.36").call(
        "PUT", f"/resource_providers/{child}", {"name": "c", "parent_provider_uuid": other}
    )
    loop = api.call(
        "PUT", f"/resource_providers/{root}", {"name": "r", "parent_provider_uuid": leaf}
    )
    api.put(f"/resource_providers/{child}", {"name": "c", "parent_provider_uuid": other})

    assert early.status_code == 400 and loop.status_code == 400
    assert api.get(f"/resource_providers/{leaf}")["root_provider_uuid"] == other
    assert api.call("DELETE", f"/resource_providers/{child}").json()["errors"][0]["code"] == (
        "placement.resource_provider.cannot_delete_parent"
    )


def test_inventories_are_guarded_by_the_generation(api: Api) -> None:
    uuid = api.provider(1, {"VCPU": {"total": 8, "reserved": 1, "allocation_ratio": 2.0}})
    here = f"/resource_providers/{uuid}/inventories"
    shown = api.get(here)

    stale = api.call("PUT", here, {"resource_provider_generation": 0, "inventories": {}})
    one = api.get(f"{here}/VCPU")
    body = {"resource_provider_generation": 3, "total": 9}
    changed = api.put(f"{here}/VCPU", body).json()
    made = api.call("POST", here, {"resource_class": "DISK_GB", "total": 5})

    assert shown["resource_provider_generation"] == 3
    assert shown["inventories"]["VCPU"]["max_unit"] == 2**31 - 1
    assert stale.status_code == 409
    assert stale.json()["errors"][0]["code"] == "placement.concurrent_update"
    assert one["reserved"] == 1 and one["allocation_ratio"] == 2.0
    assert changed["total"] == 9 and changed["reserved"] == 0
    assert changed["resource_provider_generation"] == 4
    assert made.status_code == 201
    assert api.call("POST", here, {"resource_class": "DISK_GB", "total": 5}).status_code == 409
    assert api.call("DELETE", f"{here}/DISK_GB").status_code == 204
    assert api.call("DELETE", f"{here}/DISK_GB").status_code == 404
    assert api.at("1.4").call("DELETE", here).status_code == 405
    assert api.call("DELETE", here).status_code == 204


def test_inventories_that_make_no_sense_are_refused(api: Api) -> None:
    uuid = api.provider(1)
    here = f"/resource_providers/{uuid}/inventories"
    for stock in (
        {"VCPU": {}},
        {"VCPU": {"total": 0}},
        {"VCPU": {"total": "4"}},
        {"VCPU": {"total": 4, "reserved": 5}},
        {"VCPU": {"total": 4, "odd": 5}},
        {"CUSTOM_UNKNOWN": {"total": 4}},
        {"vcpu": {"total": 4}},
    ):
        body = {"resource_provider_generation": 3, "inventories": stock}
        assert api.call("PUT", here, body).status_code == 400, stock
    full = {"VCPU": {"total": 4, "reserved": 4}}
    body = {"resource_provider_generation": 3, "inventories": full}
    assert api.at("1.25").call("PUT", here, body).status_code == 400
    assert api.call("PUT", here, body).status_code == 200


def test_custom_classes_and_traits_live_as_long_as_unused(api: Api) -> None:
    assert api.call("PUT", "/resource_classes/CUSTOM_GOLD").status_code == 201
    assert api.call("PUT", "/resource_classes/CUSTOM_GOLD").status_code == 204
    assert api.call("PUT", "/traits/CUSTOM_FAST").status_code == 201
    assert api.call("PUT", "/traits/CUSTOM_FAST").status_code == 204
    uuid = api.provider(1, {"CUSTOM_GOLD": 1}, ("CUSTOM_FAST",))

    assert api.call("DELETE", "/resource_classes/CUSTOM_GOLD").status_code == 409
    assert api.call("DELETE", "/traits/CUSTOM_FAST").status_code == 409
    assert api.get("/traits?name=startswith:CUSTOM_&associated=true")["traits"] == ["CUSTOM_FAST"]
    assert api.call("DELETE", f"/resource_providers/{uuid}/inventories").status_code == 204
    assert api.call("DELETE", f"/resource_providers/{uuid}/traits").status_code == 204
    assert api.call("DELETE", "/resource_classes/CUSTOM_GOLD").status_code == 204
    assert api.call("DELETE", "/traits/CUSTOM_FAST").status_code == 204
    for path in ("/traits/CUSTOM_FAST", "/resource_classes/CUSTOM_GOLD"):
        assert api.call("GET", path).status_code == 404
        assert api.call("DELETE", path).status_code == 404


def test_standard_names_are_fixed(api: Api) -> None:
    assert "HW_CPU_X86_VMX" in api.get("/traits")["traits"]
    assert {
        "name": "VCPU",
        "links": [{"rel": "self", "href": "/placement/resource_classes/VCPU"}],
    } in (api.get("/resource_classes")["resource_classes"])
    for method, path in (
        ("PUT", "/traits/HW_CPU_X86_VMX"),
        ("PUT", "/traits/CUSTOM_" + "X" * 300),
        ("DELETE", "/traits/HW_CPU_X86_VMX"),
        ("PUT", "/resource_classes/VCPU"),
        ("DELETE", "/resource_classes/VCPU"),
    ):
        assert api.call(method, path).status_code == 400, path
    assert api.at("1.5").call("GET", "/traits").status_code == 404


def test_only_operators_and_services_may_look(api: Api) -> None:
    uuid = api.provider(1)

    assert api.by("service").call("GET", "/resource_providers").status_code == 200
    assert api.by("").call("GET", "/resource_providers").status_code == 401
    for path in (
        "/resource_providers",
        f"/resource_providers/{uuid}",
        f"/resource_providers/{uuid}/inventories",
        "/traits",
        "/resource_classes",
        "/allocation_candidates?resources=VCPU:1",
        "/usages?project_id=other",
    ):
        assert api.by("member").call("GET", path).status_code == 403, path
    assert api.by("member").get("/usages?project_id=member-project") == {"usages": {}}
