"""A control plane that is killed at any boundary of any step: the next process finishes the change.

`make faults` (PILEUS_FAULTS=full) kills it at every moment that the flow comes to, found by
watching it once; otherwise at one of each flow, another on each day.
"""

import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pileus import compute

from ..wait import until
from .deeds import DEEDS, Deed, delete, ended, find, make, rest
from .site import Site

_FULL = os.environ.get("PILEUS_FAULTS") == "full"
_TODAY = date.today().toordinal()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        made = Site(Path(folder))
        yield made
        made.close()


def _run(site: Site, deed: Deed, moment: str = "") -> bool:
    """Do it, with the process killed at this moment; whether it was."""
    if deed.ask is None:
        site.order(deed.kind, moment)
    name = make(site, deed.host)
    if deed.ask is not None:
        rest(site, name, "ACTIVE")
        server_id = find(site, name)
        for ask, status in deed.before:
            ask(site, server_id)
            rest(site, name, status)
        site.order(deed.kind, moment)
        deed.ask(site, server_id)
    until(lambda: site.dead() or ended(site, name, deed.end), f"{deed.kind} to end", 90, 0.02)
    # The last moment of a flow is a little later than its end.
    if killed := bool(moment) and site.dies():
        site.live()
    rest(site, name, deed.end)
    if deed.end != "gone":
        server_id = find(site, name)
        if deed.after is not None:
            deed.after(site, server_id)
        delete(site, server_id)
        rest(site, name, "gone")
    until(lambda: not site.audit(), f"{deed.kind}: a clean audit after {moment}", 30)
    return killed


@pytest.mark.parametrize("name", DEEDS)
def test_the_next_process_finishes_it(site: Site, name: str) -> None:
    deed = DEEDS[name]
    _run(site, deed)
    moments = site.met()
    assert len(moments) >= 3, moments

    killed = 0
    first = _TODAY % len(moments)
    for moment in moments[first:] + moments[:first]:
        # Whether a step has to wait, and for how many rounds, is not the same each time.
        killed += _run(site, deed, moment)
        if killed and not _FULL:
            break

    print(f"{name}: killed at {killed} of {len(moments)} moments")
    assert killed


def test_every_flow_is_killed() -> None:
    # Shelving always gives the host back, so nothing is left for shelveOffload to start it with.
    never = {"server.offload"}

    assert never | {deed.kind for deed in DEEDS.values()} == {flow.name for flow in compute.FLOWS}
