"""Random requests to a running cloud's placement and to upstream's in this process.

    python differ.py BASE PASSWORD [EPISODES [SEED]]

Both begin an episode with what one of upstream's fixtures makes. Compared are statuses, error codes
and bodies of every answer, and what can be read after every change.
"""

import json
import logging
import random
import sys
from typing import Any

import gabbits
import httpx
from asks import Ask, Asks
from stock import OPERATOR, Stock

FIXTURES = ("AllocationFixture", "GranularFixture", "NUMANetworkFixture")
NEWEST = "1.39"
CALLS = 80
UNLIKE = ("request_id", "detail", "project_id")


class Both:
    """Upstream's placement and the cloud's."""

    def __init__(self, cloud: Stock) -> None:
        self.original = gabbits.Original()
        headers = {"x-auth-token": cloud.token(OPERATOR, "admin")}
        self.mine = httpx.Client(base_url=f"{cloud.base}/placement", headers=headers, timeout=60)

    def ask(self, ask: Ask) -> tuple[httpx.Response, httpx.Response]:
        """Both answers, upstream's first."""
        method, path, body, version = ask
        headers = {"openstack-api-version": f"placement {version}", "accept": "application/json"}
        given: dict[str, Any] = {"headers": headers} | ({} if body is None else {"json": body})
        return (
            self.original.http.request(method, path, **given),
            self.mine.request(method, path, **given),
        )

    def read(self, asks: Asks) -> list[Ask]:
        """What shows most of a state: all generations and consumers, much of a few providers."""
        paths = ["/resource_providers", *(f"/allocations/{one}" for one in asks.consumers)]
        for one in asks.random.sample(asks.providers, min(3, len(asks.providers))):
            here = f"/resource_providers/{one}"
            paths += [
                f"{here}/{what}" for what in ("inventories", "usages", "aggregates", "traits")
            ]
        return [("GET", path, None, NEWEST) for path in paths]


def plain(value: Any) -> Any:
    """A body without what may differ: ids of requests and projects, words, orders, the mount."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in UNLIKE}
    if isinstance(value, list):
        return sorted((plain(one) for one in value), key=json.dumps)
    return value.replace("/placement/", "/") if isinstance(value, str) else value


def same(ask: Ask, theirs: httpx.Response, mine: httpx.Response) -> bool:
    """Whether the two answers say the same."""
    candidates = "allocation_candidates" in ask[1]
    if theirs.status_code == 200 and mine.status_code == 400 and ask[0] == "GET":
        # Upstream reads no further where it knows already that nothing fits.
        nothing = not any(theirs.json().values())
        return nothing and "No such" in mine.text
    if theirs.status_code != mine.status_code:
        return False
    # What fits is compared with brute force elsewhere, and upstream's choice has faults.
    if not mine.content or (candidates and mine.status_code == 200):
        return bool(theirs.content) == bool(mine.content)
    return bool(plain(theirs.json()) == plain(mine.json()))


def leftover(theirs: httpx.Response) -> bool:
    """Whether upstream has kept a consumer that holds nothing, which is its fault."""
    return "expected 0 but got" in theirs.text or "expected 1 but got" in theirs.text


def episode(cloud: Stock, number: int) -> tuple[int, list[str]]:
    """How many answers were compared, and the first that differ."""
    fixture = getattr(gabbits.fixtures(cloud), FIXTURES[number % len(FIXTURES)])()
    fixture.start_fixture()
    try:
        both = Both(cloud)
        asks = world(both, random.Random(number))
        count = 0
        while count < CALLS:
            writes = asks.random.random() < 0.5
            ask = asks.change() if writes else asks.question()
            theirs, mine = both.ask(ask)
            if leftover(theirs):
                break
            count += 1
            after = both.read(asks) if writes and mine.is_success else []
            for one, answers in [(ask, (theirs, mine)), *((one, both.ask(one)) for one in after)]:
                if not same(one, *answers):
                    return count, [told(number, ask, one, *answers)]
            if after:
                note(both, asks)
        return count, []
    finally:
        fixture.stop_fixture()


def world(both: Both, chance: random.Random) -> Asks:
    """Requests about what the fixture made."""
    get = both.original.get
    ids = [one["uuid"] for one in get("/resource_providers")["resource_providers"]]
    found = {
        what: sorted({one for id in ids for one in both.original.provider(id, what)[what]})
        for what in ("traits", "aggregates", "allocations")
    }
    asks = Asks(chance, ids, found["allocations"], found["traits"], found["aggregates"])
    asks.traits += ["HW_CPU_X86_SSE", "COMPUTE_NODE", "CUSTOM_NO"]
    asks.aggregates.append(asks.new())
    asks.consumers += [asks.new() for _ in range(3)]
    note(both, asks)
    return asks


def note(both: Both, asks: Asks) -> None:
    """Let the next requests know the generations, and the providers that there are."""
    found = both.original.get("/resource_providers")["resource_providers"]
    asks.generations = {one["uuid"]: one["generation"] for one in found}
    asks.providers = list(asks.generations) or [asks.new()]
    for one in asks.consumers:
        asks.held[one] = both.original.get(f"/allocations/{one}").get("consumer_generation")


def told(number: int, ask: Ask, seen: Ask, theirs: httpx.Response, mine: httpx.Response) -> str:
    where = "" if seen == ask else f", seen in {seen[1]}"
    answers = [f"{a.status_code} {a.text[:600]}" for a in (theirs, mine)]
    body = json.dumps(ask[2])[:900]
    method, path, version = ask[0], ask[1], ask[3]
    return (
        f"episode {number}: {method} {path} ({version}) {body}{where}:"
        f"\n  upstream: {answers[0]}\n  the cloud: {answers[1]}"
    )


def main(base: str, password: str, episodes: str = "20", seed: str = "0") -> None:
    logging.disable()
    cloud = Stock(base, password)
    count, failed = 0, []
    for number in range(int(seed), int(seed) + int(episodes)):
        more, differences = episode(cloud, number)
        count += more
        failed += differences
        print("\n".join(differences), flush=True)
    print(json.dumps({"passed": count - len(failed), "failed": failed, "skipped": 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
