"""By how much the generations of providers grow, which clients count on; and orders of lists."""

from typing import Any

from .conftest import Api, consumer


def shares(provider: str, amount: int, generation: int | None) -> dict[str, Any]:
    return {
        "allocations": {provider: {"resources": {"VCPU": amount}}},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
    }


def generation(api: Api, provider: str) -> int:
    found: int = api.get(f"/resource_providers/{provider}")["generation"]
    return found


def test_one_request_for_many_consumers_is_one_step(api: Api) -> None:
    one = api.provider(1, {"VCPU": 9})
    before = generation(api, one)
    body = {consumer(n): shares(one, 1, None) for n in (1, 2, 3)}

    assert api.call("POST", "/allocations", body).status_code == 204

    assert generation(api, one) == before + 1


def test_a_delete_of_allocations_is_no_step(api: Api) -> None:
    one = api.provider(1, {"VCPU": 9})
    api.allocate(1, {one: {"VCPU": 2}})
    before = generation(api, one)

    assert api.call("DELETE", f"/allocations/{consumer(1)}").status_code == 204

    assert generation(api, one) == before


def test_a_provider_that_is_left_for_another_makes_no_step(api: Api) -> None:
    one, two = api.provider(1, {"VCPU": 9}), api.provider(2, {"VCPU": 9})
    api.allocate(1, {one: {"VCPU": 2}})
    before = generation(api, one), generation(api, two)

    assert api.allocate(1, {two: {"VCPU": 2}}, generation=1).status_code == 204
    left = generation(api, one), generation(api, two)
    assert api.allocate(1, {}, generation=2).status_code == 204

    assert left == (before[0], before[1] + 1)
    assert generation(api, two) == before[1] + 2


def test_traits_that_stay_as_they_are_make_no_step(api: Api) -> None:
    one = api.provider(1, traits=("COMPUTE_NODE",))
    body = {"resource_provider_generation": 3, "traits": ["COMPUTE_NODE"]}

    same = api.put(f"/resource_providers/{one}/traits", body)
    body["traits"] = []
    changed = api.put(f"/resource_providers/{one}/traits", body)

    assert same.json()["resource_provider_generation"] == 3
    assert changed.json()["resource_provider_generation"] == 4


def test_a_reshape_is_a_step_before_and_after_its_allocations(api: Api) -> None:
    one = api.provider(1, {"VCPU": 9})
    for n in (1, 2):
        api.allocate(n, {one: {"VCPU": 2}})
    before = generation(api, one)
    stock = {"resource_provider_generation": before, "inventories": {"VCPU": {"total": 5}}}
    wanted = {consumer(n): shares(one, 1, 1) for n in (1, 2)}

    answer = api.by("service").call(
        "POST", "/reshaper", {"inventories": {one: stock}, "allocations": wanted}
    )

    assert answer.status_code == 204
    assert generation(api, one) == before + 3


def test_allocations_are_listed_in_the_order_of_their_providers_making(api: Api) -> None:
    later, sooner = api.provider(9, {"VCPU": 1}), api.provider(1, {"VCPU": 1})

    api.allocate(1, {sooner: {"VCPU": 1}, later: {"VCPU": 1}})

    assert list(api.get(f"/allocations/{consumer(1)}")["allocations"]) == [later, sooner]


def test_aggregates_are_answered_in_the_order_asked_for(api: Api) -> None:
    one = api.provider(1)
    wanted = [f"a0000000-0000-4000-8000-00000000000{n}" for n in (2, 1)]
    body = {"resource_provider_generation": 3, "aggregates": wanted}

    answer = api.put(f"/resource_providers/{one}/aggregates", body)

    assert answer.json()["aggregates"] == wanted
