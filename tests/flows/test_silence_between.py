"""One of two hosts never answers: no server waits for ever, and no guest runs twice."""

import pytest

from pileus.core import desired
from pileus.core.db import Tx

from .crash import World
from .hosts import SECOND, Second, host_of, running
from .servers import clean, do, made, make, show
from .silence import flows, pass_time
from .test_evacuate import back, dead, service
from .test_live import move as move_live
from .test_live import statuses
from .test_move import moved
from .test_silence import state, told


def do_untold(world: World, second: Second, server_id: str) -> None:
    """The second host does what it is asked for, and its answer is lost."""

    def wish(tx: Tx) -> dict[str, object]:
        row = desired.find(tx, SECOND, "guest", server_id)
        assert row is not None and row.spec is not None
        return dict(tx.vault.opened(row.spec))

    second._agent._handlers["guest"].apply(server_id, world.app.db.read(wish))


def held(world: World, server_id: str, kind: str) -> None:
    """The server is in ERROR and can be told of nothing, as its move is not quite undone."""
    assert state(world, server_id) == ("ERROR", None)
    assert f"Host {SECOND} does not say" in show(world, server_id)["fault"]["message"]
    assert flows(world) == [kind]
    clean(world)
    for action in ({"reboot": {"type": "HARD"}}, {"os-resetState": {"state": "active"}}):
        assert world.call("POST", f"/servers/{server_id}/action", action)[0] == 409


def runs_on(world: World, second: Second, server_id: str, host: str) -> None:
    world.settle()
    world.look()
    world.settle()
    assert (state(world, server_id), host_of(world, server_id)) == (("ACTIVE", None), host)
    assert running(world, second) == [host]
    assert "fault" not in show(world, server_id)
    clean(world)


def on_its_way(world: World, second: Second) -> str:
    """A server whose disks are offered, and asked for of the second host, which goes silent."""
    server_id = do(world, made(world), migrate=None)
    for _ in range(2):
        world.app.engine.settle()
        world._agent.act()
    world.app.engine.settle()
    return server_id


def test_a_migration_whose_first_host_says_nothing_is_taken_back(
    world: World, second: Second
) -> None:
    server_id = do(world, made(world), migrate=None)

    pass_time(world)

    assert "Host host-1 has not turned the guest off within" in told(world, server_id)
    assert (state(world, server_id), flows(world)) == (("ACTIVE", None), [])
    assert statuses(world, server_id) == ["error"]
    runs_on(world, second, server_id, "host-1")


@pytest.mark.parametrize("done", [False, True])
def test_a_migration_whose_other_host_says_nothing_waits_in_error_until_it_does(
    world: World, second: Second, done: bool
) -> None:
    server_id = on_its_way(world, second)
    if done:
        do_untold(world, second, server_id)
    second.alive = False

    pass_time(world, heard=True, act=world._agent.act)

    held(world, server_id, "server.move")
    assert running(world, second) == ([SECOND] if done else [])
    assert host_of(world, server_id) == "host-1"
    second.alive = True
    runs_on(world, second, server_id, "host-1")
    assert second.driver.observe() == []


def test_a_migration_whose_other_host_was_fenced_is_undone(world: World, second: Second) -> None:
    server_id = on_its_way(world, second)
    second.alive = False
    pass_time(world, heard=True, act=world._agent.act)
    held(world, server_id, "server.move")

    service(world, forced_down=True)

    world.clock.advance(20)
    runs_on(world, second, server_id, "host-1")
    back(world, second)
    runs_on(world, second, server_id, "host-1")


def test_a_server_held_between_two_hosts_is_not_evacuated_while_either_may_run_it(
    world: World, second: Second
) -> None:
    server_id = on_its_way(world, second)
    second.alive = False
    pass_time(world, act=world._agent.act)

    assert world.call("POST", f"/servers/{server_id}/action", {"evacuate": {}})[0] == 409


def test_a_server_held_between_two_hosts_can_be_deleted(world: World, second: Second) -> None:
    server_id = on_its_way(world, second)
    second.alive = False
    pass_time(world, heard=True, act=world._agent.act)

    assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
    second.alive = True
    world.settle()

    assert world.call("GET", f"/servers/{server_id}")[0] == 404
    assert world.machine.compute.observe() == [] == second.driver.observe()
    clean(world)


def test_a_confirmed_migration_whose_first_host_says_nothing_is_confirmed(
    world: World, second: Second
) -> None:
    server_id = do(world, moved(world), confirmResize=None)

    pass_time(world, act=second.act)

    assert (state(world, server_id), flows(world)) == (("ACTIVE", None), [])
    assert statuses(world, server_id) == ["confirmed"]
    runs_on(world, second, server_id, SECOND)
    assert world.machine.compute.observe() == []


def test_a_reverted_migration_whose_second_host_says_nothing_waits_in_error(
    world: World, second: Second
) -> None:
    server_id = do(world, moved(world), revertResize=None)
    second.alive = False

    pass_time(world, heard=True, act=world._agent.act)

    held(world, server_id, "server.revert_move")
    assert running(world, second) == [SECOND]
    second.alive = True
    runs_on(world, second, server_id, "host-1")
    assert second.driver.observe() == []


def test_a_reverted_migration_whose_first_host_says_nothing_is_not_started_later(
    world: World, second: Second
) -> None:
    server_id = do(world, moved(world), revertResize=None)

    pass_time(world, act=second.act)

    assert (state(world, server_id), flows(world)) == (("ERROR", None), [])
    assert "Host host-1 has not made the guest again" in show(world, server_id)["fault"]["message"]
    world.settle()
    assert running(world, second) == []
    clean(world)
    do(world, server_id, reboot={"type": "HARD"})
    world.settle()
    assert world.machine.compute._guests[server_id].content == "made on host-1, build 0"  # type: ignore[attr-defined]
    runs_on(world, second, server_id, "host-1")


def test_a_live_migration_whose_first_host_says_nothing_is_taken_back(
    world: World, second: Second
) -> None:
    server_id = move_live(world, made(world))

    pass_time(world)

    assert (state(world, server_id), flows(world)) == (("ACTIVE", None), [])
    assert statuses(world, server_id) == ["failed"]
    runs_on(world, second, server_id, "host-1")
    assert world.machine.compute._guests[server_id].boots == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("done", [False, True])
def test_a_live_migration_whose_other_host_says_nothing_waits_in_error(
    world: World, second: Second, done: bool
) -> None:
    server_id = move_live(world, made(world))
    world.app.engine.settle()
    world._agent.act()
    world.app.engine.settle()
    if done:
        do_untold(world, second, server_id)
    second.alive = False

    pass_time(world, heard=True, act=world._agent.act)

    held(world, server_id, "server.live_migration")
    assert running(world, second) == ([SECOND] if done else ["host-1"])
    second.alive = True
    runs_on(world, second, server_id, "host-1")
    assert statuses(world, server_id) == ["failed"]


def test_a_live_migration_whose_first_host_goes_silent_once_it_is_over_is_over(
    world: World, second: Second
) -> None:
    server_id = move_live(world, made(world))
    for _ in range(2):
        world.app.engine.settle()
        world.act()
    assert running(world, second) == [SECOND]

    pass_time(world, act=second.act)

    assert (state(world, server_id), flows(world)) == (("ACTIVE", None), [])
    assert statuses(world, server_id) == ["completed"]
    runs_on(world, second, server_id, SECOND)
    assert world.machine.compute.observe() == []


def test_an_evacuation_that_nobody_answers_for_is_an_error_and_can_be_rebuilt(
    world: World, second: Second
) -> None:
    server_id = do(world, dead(world, second), evacuate={})

    pass_time(world)

    assert (state(world, server_id), flows(world)) == (("ERROR", None), [])
    assert "Host host-1 has not made the guest within" in show(world, server_id)["fault"]["message"]
    world.settle()
    assert running(world, second) == []
    clean(world)
    do(world, server_id, rebuild={"imageRef": show(world, server_id)["image"]["id"]})
    runs_on(world, second, server_id, "host-1")


def test_a_server_made_in_vain_is_evacuated_from_a_fenced_host(
    world: World, second: Second
) -> None:
    server_id = make(world, availability_zone=f"nova:{SECOND}")
    second.alive = False
    pass_time(world, heard=True, act=world._agent.act)
    assert state(world, server_id) == ("ERROR", None)

    service(world, forced_down=True)
    do(world, server_id, evacuate={})

    runs_on(world, second, server_id, "host-1")
    back(world, second)
    runs_on(world, second, server_id, "host-1")
