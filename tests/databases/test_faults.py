"""Processes and the database die under load: what was promised is there, and clients see a pause.

A client in these tests is an ordinary one: it asks once.
"""

import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..postgresql import Server
from ..wait import until
from .fleet import Balancer, Fleet, at_once, haproxy


def _settled(fleet: Fleet, client: httpx.Client, count: int, seconds: float) -> float:
    """Wait until no server is in BUILD; how many seconds it took."""
    began = time.monotonic()

    def done() -> bool:
        found = Counter(fleet.statuses(client))
        return found["BUILD"] == 0 and sum(found.values()) >= count

    until(done, "every server to be ACTIVE or ERROR", seconds)
    return time.monotonic() - began


def _clean(fleet: Fleet) -> list[str]:
    """The audit's findings that last."""
    deadline = time.monotonic() + 60
    while (found := fleet.audit()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.mark.skipif(not haproxy(), reason="no HAProxy here: `make databases` installs it")
def test_a_process_is_killed_in_the_middle_of_100_creates(headless: Fleet, tmp_path: Path) -> None:
    # Arrange: HAProxy stands before two processes without hosts; the third has the host.
    balancer = Balancer(tmp_path, [p.base for p in headless.processes[1:]])
    client = headless.client(balancer.base)
    headless.unlimited(client)
    network, _ = headless.network(client, "10.20.0.0/22")
    body = headless.server(client, network)
    victim = headless.processes[1]
    begun = threading.Semaphore(0)

    def create(number: int) -> tuple[int, str]:
        begun.release()
        try:
            answer = client.post("/compute/v2.1/servers", json=body)
        except httpx.HTTPError as broken:
            return 0, str(broken)  # cut off in the middle: nothing was promised
        # 502 is the balancer's own word for an answer that was cut off.
        made = answer.json()["server"]["id"] if answer.status_code == 202 else answer.text
        return answer.status_code, made

    def kill() -> None:
        for _ in range(40):
            begun.acquire()
        victim.kill()

    # Act
    killer = threading.Thread(target=kill)
    killer.start()
    answers = at_once(100, create, threads=10)
    killer.join()

    # Assert: seconds, not minutes, and through the other process.
    promised = [made for code, made in answers if code == 202]
    took = _settled(headless, client, len(promised), 30)
    known = Counter(headless.statuses(client))
    for made in promised:
        assert client.get(f"/compute/v2.1/servers/{made}").status_code == 200
    print(f"\n{Counter(code for code, _ in answers)} {known}, settled {took:.1f} s after the last")
    # A balancer can only say 502 to a client whose request was under way in the killed process.
    assert {code for code, _ in answers} <= {0, 202, 502, 503}
    assert len(promised) >= 75
    assert _clean(headless) == []
    client.close()
    balancer.close()


def test_a_restarted_database_is_a_pause(
    postgresql: Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Arrange: a server of its own, as it is crashed.
    own = Server()
    fleet = Fleet(tmp_path, own.new_database())
    clients = [fleet.client(p.base) for p in fleet.processes]
    fleet.unlimited(clients[0])
    network, _ = fleet.network(clients[0], "10.30.0.0/20")
    body = {"port": {"network_id": network}}
    ends: list[tuple[int, Any, float]] = []
    stop = threading.Event()

    def load(number: int) -> None:
        mine = clients[number % 2]
        while not stop.is_set():
            began = time.monotonic()
            named = {"port": body["port"] | {"name": f"p{number}-{len(ends)}-{began}"}}
            answer = mine.post("/network/v2.0/ports", json=named)
            ends.append((answer.status_code, answer.json(), time.monotonic() - began))
            answer = mine.get("/compute/v2.1/servers")
            ends.append((answer.status_code, None, 0.0))

    threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()

    # Act: two crashes and a polite restart, with load before, in between and afterwards.
    def grown(by: int) -> None:
        wanted = len(ends) + by
        until(lambda: len(ends) > wanted, "the load to go on")

    for mode in ("immediate", "fast", "immediate"):
        grown(60)
        own.restart(mode)
    grown(60)
    stop.set()
    for thread in threads:
        thread.join()

    # Assert: every port that was promised is there, and none that was not.
    codes = Counter(code for code, _, _ in ends)
    slowest = max(seconds for _, _, seconds in ends)
    print(f"\n{dict(codes)}, the longest pause {slowest:.1f} s")
    assert set(codes) == {200, 201}
    promised = {a["port"]["id"] for code, a, _ in ends if code == 201}
    listed = clients[1].get("/network/v2.0/ports", params={"network_id": network}).json()["ports"]
    assert {port["id"] for port in listed} == promised
    assert _clean(fleet) == []
    fleet.close()
    own.close()


def test_a_restarted_database_holds_up_no_server(tmp_path: Path) -> None:
    own = Server()
    fleet = Fleet(tmp_path, own.new_database())
    clients = [fleet.client(p.base) for p in fleet.processes]
    fleet.unlimited(clients[0])
    network, _ = fleet.network(clients[0], "10.31.0.0/20")
    body = fleet.server(clients[0], network)
    made = threading.Semaphore(0)

    def create(number: int) -> int:
        code = clients[number % 2].post("/compute/v2.1/servers", json=body).status_code
        made.release()
        return code

    def crash() -> None:
        for _ in range(20):
            made.acquire()
        own.restart("immediate")

    crasher = threading.Thread(target=crash)
    crasher.start()
    codes = Counter(at_once(60, create, threads=8))
    crasher.join()

    assert codes == {202: 60}
    took = _settled(fleet, clients[0], 60, 60)
    found = Counter(fleet.statuses(clients[1]))
    print(f"\n{dict(found)}, settled {took:.1f} s after the last answer")
    assert found == {"ACTIVE": 60}
    assert _clean(fleet) == []
    fleet.close()
    own.close()


def test_a_process_with_other_keys_is_turned_away(pair: Fleet, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    config = pair.processes[0].state / "config.json"
    text = config.read_text().replace(str(pair.processes[0].state), str(stranger))
    (stranger / "config.json").write_text(text.replace(str(pair.processes[0].port), "18999"))
    process = pair.processes[1]

    with pytest.raises(AssertionError, match="another root key"):
        type(process).run(_At(stranger, process), "up")  # type: ignore[arg-type]

    shutil.rmtree(stranger)


class _At:
    """A process of another state directory, with the environment of one of the fleet."""

    def __init__(self, state: Path, like: Any) -> None:
        self.state, self._environment = state, like._environment
