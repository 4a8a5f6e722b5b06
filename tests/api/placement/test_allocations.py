"""Allocations: all or nothing, within capacity, guarded by generations."""

from pileus import placement
from pileus.core.audit import audit
from pileus.core.parts import Parts

from .conftest import Api, consumer


def clean(api: Api) -> None:
    assert api.db.read(lambda tx: audit(placement.INVARIANTS, Parts(), tx)) == []


def used(api: Api, provider: str) -> dict[str, int]:
    found: dict[str, int] = api.get(f"/resource_providers/{provider}/usages")["usages"]
    return found


def test_a_consumer_holds_and_gives_back(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4, "MEMORY_MB": 1024})

    made = api.allocate(1, {one: {"VCPU": 2, "MEMORY_MB": 512}})
    shown = api.get(f"/allocations/{consumer(1)}")
    of_provider = api.get(f"/resource_providers/{one}/allocations")
    totals = api.get("/usages?project_id=member-project")["usages"]
    gone = api.call("DELETE", f"/allocations/{consumer(1)}")

    assert made.status_code == 204
    assert shown == {
        "allocations": {one: {"resources": {"MEMORY_MB": 512, "VCPU": 2}, "generation": 4}},
        "project_id": "member-project",
        "user_id": "someone",
        "consumer_generation": 1,
        "consumer_type": "INSTANCE",
    }
    assert of_provider["allocations"][consumer(1)]["consumer_generation"] == 1
    assert totals == {"INSTANCE": {"VCPU": 2, "MEMORY_MB": 512, "consumer_count": 1}}
    assert gone.status_code == 204
    assert api.call("DELETE", f"/allocations/{consumer(1)}").status_code == 404
    assert api.get(f"/allocations/{consumer(1)}") == {"allocations": {}}
    assert used(api, one) == {"VCPU": 0, "MEMORY_MB": 0}
    clean(api)


def test_capacity_is_never_exceeded_and_a_refusal_changes_nothing(api: Api) -> None:
    stock = {"VCPU": {"total": 4, "reserved": 1, "allocation_ratio": 2.0}, "DISK_GB": 100}
    one = api.provider(1, stock)
    assert api.allocate(1, {one: {"VCPU": 5, "DISK_GB": 10}}).status_code == 204

    refused = api.allocate(2, {one: {"VCPU": 2, "DISK_GB": 10}})
    kept = api.allocate(1, {one: {"VCPU": 7, "DISK_GB": 10}}, generation=1)
    fits = api.allocate(2, {one: {"VCPU": 1, "DISK_GB": 10}})

    assert refused.status_code == 409
    assert "2 VCPU would exceed its capacity of 6, of which 5 is used" in refused.text
    assert kept.status_code == 409
    assert fits.status_code == 204
    assert used(api, one) == {"VCPU": 6, "DISK_GB": 20}
    clean(api)


def test_what_lies_beyond_a_shrunk_capacity_may_stay_and_shrink(api: Api) -> None:
    one = api.provider(1, {"VCPU": 8, "DISK_GB": 100})
    assert api.allocate(1, {one: {"VCPU": 4, "DISK_GB": 10}}).status_code == 204
    assert api.allocate(2, {one: {"VCPU": 4}}).status_code == 204
    generation = api.get(f"/resource_providers/{one}")["generation"]
    shrunk = {"resource_provider_generation": generation, "total": 2}
    path = f"/resource_providers/{one}/inventories/VCPU"
    assert api.call("PUT", path, json=shrunk).status_code == 200

    same = api.allocate(1, {one: {"VCPU": 4, "DISK_GB": 20}}, generation=1)
    less = api.allocate(1, {one: {"VCPU": 3, "DISK_GB": 20}}, generation=2)
    more = api.allocate(1, {one: {"VCPU": 4, "DISK_GB": 20}}, generation=3)
    other = api.allocate(3, {one: {"VCPU": 1}})

    assert (same.status_code, less.status_code) == (204, 204)
    assert (more.status_code, other.status_code) == (409, 409)
    assert used(api, one) == {"VCPU": 7, "DISK_GB": 20}


def test_units_and_steps_hold(api: Api) -> None:
    stock = {"total": 100, "min_unit": 4, "max_unit": 20, "step_size": 4}
    one = api.provider(1, {"DISK_GB": stock})

    answers = {n: api.allocate(n, {one: {"DISK_GB": n}}).status_code for n in (2, 4, 6, 20, 24)}

    assert answers == {2: 409, 4: 204, 6: 409, 20: 204, 24: 409}


def test_generations_of_consumers_are_compared(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4})
    assert api.allocate(1, {one: {"VCPU": 1}}, generation=5).status_code == 409
    assert api.allocate(1, {one: {"VCPU": 1}}).status_code == 204

    again = api.allocate(1, {one: {"VCPU": 1}})
    right = api.allocate(1, {one: {"VCPU": 2}}, generation=1)
    none = api.allocate(1, {}, generation=2)

    assert again.status_code == 409
    assert again.json()["errors"][0]["code"] == "placement.concurrent_update"
    assert right.status_code == 204 and none.status_code == 204
    assert used(api, one) == {"VCPU": 0}
    clean(api)


def test_inventory_in_use_stays(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4})
    api.allocate(1, {one: {"VCPU": 1}})
    here = f"/resource_providers/{one}"

    answers = [
        api.call("DELETE", f"{here}/inventories"),
        api.call("DELETE", f"{here}/inventories/VCPU"),
        api.call(
            "PUT", f"{here}/inventories", {"resource_provider_generation": 4, "inventories": {}}
        ),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 409]
    codes = [answer.json()["errors"][0]["code"] for answer in answers]
    in_use = "placement.inventory.inuse"
    assert codes == [in_use, "placement.concurrent_update", in_use]
    gone = api.call("DELETE", here)
    assert gone.json()["errors"][0]["code"] == "placement.resource_provider.inuse"


def test_consumers_change_places_in_one_request(api: Api) -> None:
    one, two = api.provider(1, {"VCPU": 1}), api.provider(2, {"VCPU": 1})
    api.allocate(1, {one: {"VCPU": 1}})
    api.allocate(2, {two: {"VCPU": 1}})

    def body(provider: str) -> dict[str, object]:
        return {
            "allocations": {provider: {"resources": {"VCPU": 1}}},
            "project_id": "p",
            "user_id": "u",
            "consumer_generation": 1,
            "consumer_type": "INSTANCE",
        }

    swapped = api.call("POST", "/allocations", {consumer(1): body(two), consumer(2): body(one)})
    half = {consumer(1): body(one), consumer(3): body(one) | {"consumer_generation": None}}
    half[consumer(1)]["consumer_generation"] = 2
    refused = api.call("POST", "/allocations", half)

    assert swapped.status_code == 204
    assert refused.status_code == 409
    assert list(api.get(f"/allocations/{consumer(1)}")["allocations"]) == [two]
    clean(api)


def test_old_forms_of_the_body(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4})
    share = {"resource_provider": {"uuid": one}, "resources": {"VCPU": 1}}
    path = f"/allocations/{consumer(1)}"

    first = api.at("1.0").call("PUT", path, {"allocations": [share]})
    owned = {"allocations": [share], "project_id": "p", "user_id": "u"}
    second = api.at("1.8").call("PUT", path, owned)
    third = api.at("1.12").call(
        "PUT", path, owned | {"allocations": {one: {"resources": {"VCPU": 2}}}}
    )

    assert [first.status_code, second.status_code, third.status_code] == [204, 204, 204]
    assert api.at("1.8").call("PUT", path, {"allocations": [share]}).status_code == 400
    assert api.at("1.12").call("PUT", path, owned | {"allocations": {}}).status_code == 400
    assert api.at("1.37").get("/usages?project_id=p") == {"usages": {"VCPU": 2}}
    assert api.get("/usages?project_id=p&consumer_type=unknown")["usages"] == {
        "unknown": {"VCPU": 2, "consumer_count": 1}
    }
    assert api.get("/usages?project_id=p&consumer_type=all")["usages"]["all"]["VCPU"] == 2


def test_bodies_that_make_no_sense_are_refused(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4})
    good = {
        "allocations": {one: {"resources": {"VCPU": 1}}},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }
    for change in (
        {"allocations": {one: {"resources": {"VCPU": 0}}}},
        {"allocations": {one: {"resources": {"VCPU": "1"}}}},
        {"allocations": {one: {"resources": {}}}},
        {"allocations": {consumer(9): {"resources": {"VCPU": 1}}}},
        {"allocations": {one: {"resources": {"CUSTOM_NOPE": 1}}}},
        {"allocations": []},
        {"project_id": "x" * 300},
        {"consumer_type": "lower"},
        {"odd": 1},
    ):
        answer = api.call("PUT", f"/allocations/{consumer(1)}", good | change)
        assert answer.status_code == 400, change
    assert api.call("PUT", "/allocations/not-a-uuid", good).status_code == 400
    assert api.get(f"/allocations/{consumer(1)}") == {"allocations": {}}


def test_a_reshape_moves_inventory_and_use_together(api: Api) -> None:
    root = api.provider(1, {"VCPU": 4, "VGPU": 2})
    child = api.provider(2, parent=root)
    api.allocate(1, {root: {"VCPU": 1, "VGPU": 1}})
    body = {
        "inventories": {
            root: {"resource_provider_generation": 4, "inventories": {"VCPU": {"total": 4}}},
            child: {"resource_provider_generation": 3, "inventories": {"VGPU": {"total": 2}}},
        },
        "allocations": {
            consumer(1): {
                "allocations": {
                    root: {"resources": {"VCPU": 1}},
                    child: {"resources": {"VGPU": 1}},
                },
                "project_id": "p",
                "user_id": "u",
                "consumer_generation": 1,
                "consumer_type": "INSTANCE",
            }
        },
    }

    assert api.call("POST", "/reshaper", body).status_code == 403
    assert api.by("service").call("POST", "/reshaper", body).status_code == 204
    assert used(api, root) == {"VCPU": 1} and used(api, child) == {"VGPU": 1}
    clean(api)
