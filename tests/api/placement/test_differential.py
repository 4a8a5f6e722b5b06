"""The service's allocation candidates are those of brute force, whatever the trees and requests.

A few hundred cases a run, other ones each day. PILEUS_DIFFERENTIAL=N tries N worlds instead, and
PILEUS_DIFFERENTIAL_SEED=TEXT repeats the one that a failure names.
"""

import os
from datetime import UTC, datetime
from typing import Any

import pytest

from pileus.core.db import Database, Tx
from pileus.core.ids import Ids
from pileus.placement.rows import (
    Allocation,
    Consumer,
    Inventory,
    Provider,
    ProviderAggregate,
    ProviderTrait,
)

from .conftest import Api
from .draws import Draws, query
from .reference import Candidate, World, candidates, summaries

WORLDS = int(os.environ.get("PILEUS_DIFFERENTIAL", "40"))
SEED = os.environ.get("PILEUS_DIFFERENTIAL_SEED", "")
TURNS, REQUESTS = 6, 3  # of each world: changes, and requests after each


def _clear(tx: Tx) -> None:
    for table in (Allocation, Consumer, Inventory, ProviderTrait, ProviderAggregate):
        tx.remove_where(table)
    tx.set(Provider, parent_id=None)
    tx.remove_where(Provider)


def _found(answer: dict[str, Any], minor: int, bare: bool) -> list[Candidate]:
    """bare: what this version does not say of the mappings."""
    every = []
    for one in answer["allocation_requests"]:
        shares = one["allocations"]
        if minor < 12:
            shares = {s["resource_provider"]["uuid"]: s for s in shares}
        amounts = frozenset(
            (p, name, amount)
            for p, share in shares.items()
            for name, amount in share["resources"].items()
        )
        mappings = {} if bare else one["mappings"]
        for providers in mappings.values():
            assert len(set(providers)) == len(providers)
        every.append((amounts, frozenset((s, frozenset(p)) for s, p in mappings.items())))
    return every


def _plain(found: set[Candidate], bare: bool) -> list[Candidate]:
    return [(shares, frozenset() if bare else mappings) for shares, mappings in found]


def _sorted(found: list[Candidate]) -> list[str]:
    return sorted(f"{sorted(a)} {sorted((s, sorted(p)) for s, p in m)}" for a, m in found)


@pytest.mark.timeout(36_000)
def test_candidates_are_those_of_brute_force(api: Api) -> None:
    day = datetime.now(UTC).date().isoformat()
    # Changes come from another process, which the service's own index only sees in the database.
    other = Database(api.db.url, ids=Ids(8))
    other.run(Draws("names").names)
    other.run(_odd)
    found = 0
    for number in range(1 if SEED else WORLDS):
        seed = SEED or f"{day}/{number}"
        draws = Draws(seed)
        other.run(_clear)
        other.run(draws.world)
        for turn in range(TURNS * REQUESTS):
            if turn and turn % REQUESTS == 0:
                other.run(draws.change)
            found += _compare(api, other, draws, f"PILEUS_DIFFERENTIAL_SEED={seed} turn {turn}")
    other.close()
    least = 0 if SEED else WORLDS * TURNS * REQUESTS // 5
    assert found >= least, "hardly anything was there to be found: the draws are bad"


def _odd(tx: Tx) -> None:
    from pileus.placement.rows import ResourceClass

    tx.add(ResourceClass(name="CUSTOM_ODD"))


def _compare(api: Api, other: Database, draws: Draws, where: str) -> bool:
    """Ask both; whether there was anything to find."""
    world = other.read(World)
    request = draws.request(sorted(world.parent))
    bare = request.minor < 34
    at = api.at(f"1.{request.minor}")
    parameters = query(request)
    where = f"{where}: 1.{request.minor} {parameters}"

    right = candidates(world, request)
    answer = at.call("GET", "/allocation_candidates", params=parameters)

    assert answer.status_code == 200, f"{where}: {answer.text}"
    assert _sorted(_found(answer.json(), request.minor, bare)) == _sorted(_plain(right, bare)), (
        where
    )
    assert _traits_sorted(answer.json()) == summaries(world, request, right), where
    if request.minor >= 34:
        limit = draws.draw.randint(1, len(right) + 1)
        some = at.call("GET", "/allocation_candidates", params=[*parameters, ("limit", limit)])
        found = _found(some.json(), request.minor, bare)
        assert len(found) == len(set(found)) == min(limit, len(right)), where
        assert set(found) <= right, where
        assert _traits_sorted(some.json()) == summaries(world, request, set(found)), where
    return bool(right)


def _traits_sorted(answer: dict[str, Any]) -> dict[str, Any]:
    for one in answer["provider_summaries"].values():
        if "traits" in one:
            one["traits"].sort()
    return answer["provider_summaries"]
