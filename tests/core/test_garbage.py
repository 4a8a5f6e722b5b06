"""Looks for cyclic garbage: they still come, and what is merely under way does not cause them."""

import subprocess
import sys

_ROUNDS = """
import gc
from pileus.core import garbage

class Knot:
    def __init__(self):
        self.own = self

garbage.seldom()
before = gc.get_stats()[2]["collections"]
for _ in range(200):
    under_way = [[] for _ in range(10_000)]
    del under_way
print(gc.get_stats()[2]["collections"] - before)
young = gc.get_stats()[0]["collected"]
for _ in range(200_000):
    Knot()
print(gc.get_stats()[0]["collected"] - young >= 100_000)
"""


def test_what_is_under_way_is_not_looked_at_and_garbage_goes() -> None:
    command = [sys.executable, "-c", _ROUNDS]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert said == ["0", "True"]
