"""Clients do what a seed says while everything is disturbed; in the end all is as they were told.

A slice of it runs with the tests. `make campaign` runs all: CAMPAIGN_CALLS API calls from
CAMPAIGN_CLIENTS clients on CAMPAIGN_HOSTS hosts. CAMPAIGN_SEED repeats a plan: what is asked and
what breaks; which of the two comes first is not the seed's to say. CAMPAIGN_DATABASE is an
SQLAlchemy URL of an empty database.
"""

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from ..wait import until
from .client import Client
from .ground import Ground
from .plan import deeds, disturbances
from .verdict import Verdict, addresses, busy, guests


def _given(name: str, full: int, slice_: int) -> int:
    return int(os.environ.get(f"CAMPAIGN_{name}") or (full if FULL else slice_))


FULL = os.environ.get("CAMPAIGN", "") == "full"
CALLS = _given("CALLS", 100_000, 10_000)
SECONDS = _given("SECONDS", 7200, 40)
HOSTS = _given("HOSTS", 100, 20)
PROJECTS, EACH = 5, _given("CLIENTS", 20, 20) // 5
SEED = int(os.environ.get("CAMPAIGN_SEED") or random.SystemRandom().randrange(1 << 31))
SETTLED = 120.0


class Campaign:
    """The clients and the one who breaks things, each in a thread."""

    def __init__(self, ground: Ground, clients: list[Client]) -> None:
        self._ground, self._clients = ground, clients
        self._over = threading.Event()
        self.broken: Counter[str] = Counter()
        self.failed: list[str] = []

    def run(self) -> None:
        """Until enough calls were made; then everything is whole again."""
        targets = [
            threading.Thread(target=self._serve, args=(n,)) for n in range(len(self._clients))
        ]
        breaker = threading.Thread(target=self._break)
        for thread in (*targets, breaker):
            thread.start()
        deadline = time.monotonic() + SECONDS
        while self._ground.tally.total < CALLS and time.monotonic() < deadline:
            if self._over.wait(0.2):
                break
        self._over.set()
        for thread in (*targets, breaker):
            thread.join()

    def _serve(self, number: int) -> None:
        try:
            for deed in deeds(SEED, number):
                if self._over.is_set():
                    return
                self._clients[number].do(deed)
        except Exception as problem:
            self.failed.append(f"client {number}: {problem!r}")
            self._over.set()
            raise

    def _break(self) -> None:
        try:
            for what in disturbances(SEED):
                if self._over.wait(what.after):
                    return
                self._ground.disturb(what)
                self.broken[what.name] += 1
        except Exception as problem:
            self.failed.append(f"while things were broken: {problem!r}")
            self._over.set()
            raise


@pytest.mark.timeout(SECONDS + 600)
def test_what_was_acknowledged_is_so_whatever_breaks(tmp_path: Path) -> None:
    print(f"\nCAMPAIGN_SEED={SEED}", flush=True)
    ground = Ground(tmp_path, SEED, HOSTS, os.environ.get("CAMPAIGN_DATABASE", ""))
    try:
        by_project = ground.clients(PROJECTS, EACH)
        campaign = Campaign(ground, [one for each in by_project.values() for one in each])
        begun = time.monotonic()
        campaign.run()
        lasted, begun = time.monotonic() - begun, time.monotonic()
        until(ground.all_connected, "every host to be back", SETTLED)
        until(lambda: not busy(ground), "everything to settle", SETTLED)
        settled = time.monotonic() - begun

        verdicts = [Verdict(ground, project, each) for project, each in by_project.items()]
        wrong = [words for verdict in verdicts for words in verdict.reach()]
        wrong += addresses(verdicts)
        until(lambda: not guests(ground, verdicts) or time.monotonic() > begun + 90, "", 100)
        wrong += guests(ground, verdicts)
        wrong += [f"audit: {one}" for one in ground.audit()]

        tally = ground.tally
        things = Counter(t.kind for v in verdicts for t in v.things.values())
        print(f"{tally.total} calls in {lasted:.0f} s; settled after {settled:.1f} s")
        print(f"answers: {dict(sorted(tally.calls.items()))}")
        print(f"broken: {dict(sorted(campaign.broken.items()))}")
        print(f"made: {dict(sorted(things.items()))}")
        print(f"wrong: {len(wrong)}; strange answers: {len(tally.strange)}", flush=True)
        assert (campaign.failed, wrong, tally.strange) == ([], [], []), f"CAMPAIGN_SEED={SEED}"
    finally:
        ground.close()
