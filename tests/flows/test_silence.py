"""A host that never answers keeps no server waiting, and does not do late what was given up."""

from collections.abc import Callable
from typing import Any

import pytest

from pileus.compute.instance_action import InstanceAction
from pileus.core import desired

from .crash import World
from .images import snapshots
from .servers import clean, do, made, make, remove, show
from .silence import flows, pass_time
from .test_interface import attach, network_id, nics, ports
from .test_rebuild import rebuild
from .test_rescue import rescue, rescued
from .test_resize import LARGE, SMALL, flavor_of, resized
from .test_shelve import shelved

__all__ = ["network_id"]


def at_rest(world: World, server_id: str, status: str, power: str = "running") -> None:
    """The server is so, before and after its host is back, where its guest is powered so."""
    assert state(world, server_id) == (status, None)
    assert flows(world) == []
    world.settle()
    world.look()
    world.settle()
    assert state(world, server_id) == (status, None)
    assert [one.power for one in world.machine.compute.observe()] == [power]
    clean(world)


def state(world: World, server_id: str) -> tuple[str, Any]:
    found = show(world, server_id)
    return found["status"], found["OS-EXT-STS:task_state"]


def told(world: World, server_id: str) -> str:
    """What the newest action of the server says about its failure."""
    rows = world.app.db.read(
        lambda tx: tx.all(InstanceAction, server_id=server_id, order=[InstanceAction.start_time])
    )
    assert rows[-1].message == "Error"
    return str(rows[-1].events[-1]["details"])


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize(
    ("action", "what"),
    [
        ({"os-stop": None}, "turned the guest off"),
        ({"pause": None}, "paused the guest"),
        ({"suspend": None}, "suspended the guest"),
        ({"reboot": {"type": "SOFT"}}, "started the guest"),
        ({"reboot": {"type": "HARD"}}, "started the guest"),
    ],
)
def test_a_change_of_power_that_nobody_answers_for_is_taken_back(
    world: World, action: dict[str, Any], what: str, heard: bool
) -> None:
    server_id = do(world, made(world), **action)

    pass_time(world, heard)

    assert told(world, server_id) == f"Host host-1 has not {what} within 15 minutes."
    at_rest(world, server_id, "ACTIVE")
    assert world.machine.compute._guests[server_id].boots == 1
    remove(world, server_id)


def test_a_suspended_server_that_cannot_be_resumed_stays_suspended(world: World) -> None:
    server_id = do(world, made(world), suspend=None)
    world.settle()

    do(world, server_id, resume=None)
    pass_time(world)

    at_rest(world, server_id, "SUSPENDED", "suspended")


def test_a_reboot_after_one_that_nobody_answered_for_is_one(world: World) -> None:
    server_id = do(world, made(world), reboot={"type": "HARD"})
    pass_time(world)

    do(world, server_id, reboot={"type": "HARD"})
    world.settle()

    at_rest(world, server_id, "ACTIVE")
    assert world.machine.compute._guests[server_id].boots == 2


def test_a_create_that_nobody_answers_for_is_an_error_and_goes_when_its_host_is_back(
    world: World,
) -> None:
    server_id = make(world)

    pass_time(world)

    assert state(world, server_id) == ("ERROR", None)
    assert "Host host-1 has not made the guest within" in show(world, server_id)["fault"]["message"]
    clean(world)
    world.settle()
    assert state(world, server_id) == ("ERROR", None)
    assert world.machine.compute.observe() == []
    clean(world)
    remove(world, server_id)


def test_a_server_that_was_made_in_vain_can_be_deleted(world: World) -> None:
    server_id = make(world)
    pass_time(world)

    assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
    world.settle()

    assert world.call("GET", f"/servers/{server_id}")[0] == 404
    clean(world)


@pytest.mark.parametrize("heard", [False, True])
def test_a_rebuild_that_nobody_answers_for_keeps_the_disks(world: World, heard: bool) -> None:
    server_id = rebuild(world, made(world))

    pass_time(world, heard)

    fault = show(world, server_id)["fault"]["message"]
    assert fault == "Host host-1 has not made the guest anew within 15 minutes."
    at_rest(world, server_id, "ERROR")
    assert world.machine.compute._guests[server_id].content == "made on host-1, build 0"
    remove(world, server_id)


def test_a_rebuild_after_one_that_was_done_and_not_told_makes_the_guest_anew(
    world: World,
) -> None:
    server_id = rebuild(world, made(world))
    world.app.engine.settle()
    lost = world.app.db.read(lambda tx: _spec(tx, server_id))
    world._agent._handlers["guest"].apply(server_id, lost)
    pass_time(world)
    at_rest(world, server_id, "ERROR")

    rebuild(world, server_id)
    world.settle()

    assert state(world, server_id) == ("ACTIVE", None)
    assert world.machine.compute._guests[server_id].content == "made on host-1, build 2"
    clean(world)


def _spec(tx: Any, server_id: str) -> dict[str, Any]:
    row = desired.find(tx, "host-1", "guest", server_id)
    assert row is not None and row.spec is not None
    return dict(tx.vault.opened(row.spec))


def test_an_admin_calls_a_server_active_whose_rebuild_nobody_answered_for(world: World) -> None:
    server_id = rebuild(world, made(world))
    pass_time(world)

    do(world, server_id, **{"os-resetState": {"state": "active"}})

    at_rest(world, server_id, "ACTIVE")


@pytest.mark.parametrize("heard", [False, True])
def test_a_rescue_that_nobody_answers_for_is_taken_back(world: World, heard: bool) -> None:
    server_id = rescue(world, made(world))

    pass_time(world, heard)
    pass_time(world, heard)

    at_rest(world, server_id, "ACTIVE")
    assert len(world.machine.compute._guests[server_id].disks) == 1


def test_a_rescue_whose_host_goes_silent_in_the_middle_is_taken_back(world: World) -> None:
    server_id = rescue(world, made(world))
    world.app.engine.settle()
    world.act()

    pass_time(world)

    at_rest(world, server_id, "ACTIVE")
    assert len(world.machine.compute._guests[server_id].disks) == 1


@pytest.mark.parametrize("before", [0, 1])
def test_an_unrescue_that_nobody_answers_for_leaves_the_server_rescued(
    world: World, before: int
) -> None:
    server_id = do(world, rescued(world), unrescue=None)
    for _ in range(before):
        world.app.engine.settle()
        world.act()

    pass_time(world)

    at_rest(world, server_id, "RESCUE")
    assert len(world.machine.compute._guests[server_id].disks) == 2
    do(world, server_id, unrescue=None)
    world.settle()
    at_rest(world, server_id, "ACTIVE")


@pytest.mark.parametrize("heard", [False, True])
def test_a_resize_that_nobody_answers_for_leaves_the_old_size(world: World, heard: bool) -> None:
    server_id = do(world, made(world), resize={"flavorRef": "1"})

    pass_time(world, heard)
    pass_time(world, heard)

    assert told(world, server_id) == "Host host-1 has not resized the guest within 15 minutes."
    assert flavor_of(world, server_id) == SMALL
    at_rest(world, server_id, "ACTIVE")
    assert world.machine.compute._guests[server_id].memory_mb == 128


def test_a_confirmation_that_nobody_answers_for_is_one(world: World) -> None:
    server_id = do(world, resized(world), confirmResize=None)

    pass_time(world)

    assert flavor_of(world, server_id) == LARGE
    at_rest(world, server_id, "ACTIVE")
    assert world.machine.compute._guests[server_id].aside == ()


def test_a_revert_that_nobody_answers_for_can_be_repeated(world: World) -> None:
    server_id = do(world, resized(world), revertResize=None)

    pass_time(world)

    at_rest(world, server_id, "VERIFY_RESIZE")
    assert flavor_of(world, server_id) == LARGE
    do(world, server_id, revertResize=None)
    world.settle()
    assert flavor_of(world, server_id) == SMALL
    at_rest(world, server_id, "ACTIVE")


@pytest.mark.parametrize(
    "body",
    [
        {"createImage": {"name": "snap"}},
        {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}},
    ],
)
def test_a_snapshot_that_nobody_answers_for_leaves_no_image(
    world: World, body: dict[str, Any]
) -> None:
    server_id = do(world, made(world), **body)

    pass_time(world)

    assert told(world, server_id) == "Host host-1 has not handed the image over within 15 minutes."
    assert snapshots(world) == []
    at_rest(world, server_id, "ACTIVE")
    assert snapshots(world) == []


def test_a_snapshot_takes_its_time_while_its_host_is_heard_of(world: World) -> None:
    server_id = do(world, made(world), createImage={"name": "snap"})
    pass_time(world, heard=True)
    assert state(world, server_id) == ("ACTIVE", "image_uploading")

    world.settle()

    assert [image.status for image in snapshots(world)] == ["active"]
    at_rest(world, server_id, "ACTIVE")


@pytest.mark.parametrize("before", [0, 1])
def test_shelving_that_nobody_answers_for_is_taken_back(world: World, before: int) -> None:
    server_id = do(world, made(world), shelve=None)
    for _ in range(before):
        world.app.engine.settle()
        world.act()

    pass_time(world)

    assert snapshots(world) == []
    at_rest(world, server_id, "ACTIVE")


def test_a_host_that_goes_silent_once_the_disk_is_kept_removes_the_guest_later(
    world: World,
) -> None:
    server_id = do(world, made(world), shelve=None)
    for _ in range(2):
        world.app.engine.settle()
        world.act()

    pass_time(world)

    assert state(world, server_id) == ("SHELVED_OFFLOADED", None)
    clean(world)
    world.settle()
    assert world.machine.compute.observe() == []
    do(world, server_id, unshelve=None)
    world.settle()
    at_rest(world, server_id, "ACTIVE")


def test_unshelving_that_nobody_answers_for_leaves_the_server_shelved(world: World) -> None:
    server_id = do(world, shelved(world), unshelve=None)

    pass_time(world)

    assert state(world, server_id) == ("SHELVED_OFFLOADED", None)
    assert world.call("POST", f"/servers/{server_id}/action", {"unshelve": None})[0] == 409
    clean(world)
    world.settle()
    assert state(world, server_id) == ("SHELVED_OFFLOADED", None)
    assert world.machine.compute.observe() == []
    clean(world)
    do(world, server_id, unshelve=None)
    world.settle()
    at_rest(world, server_id, "ACTIVE")


@pytest.mark.parametrize("heard", [False, True])
def test_an_attachment_that_nobody_answers_for_is_given_back(
    world: World, network_id: str, heard: bool
) -> None:
    server_id = made(world)
    attach(world, server_id, network_id)

    pass_time(world, heard)
    pass_time(world, heard)

    assert (ports(world, server_id), flows(world)) == ([], [])
    at_rest(world, server_id, "ACTIVE")
    assert nics(world, server_id) == 0
    assert not world.machine.host_network.plugged()


def test_a_detachment_that_nobody_answers_for_keeps_the_interface(
    world: World, network_id: str
) -> None:
    server_id = made(world)
    port_id = attach(world, server_id, network_id)
    world.settle()
    world.call("DELETE", f"/servers/{server_id}/os-interface/{port_id}")

    pass_time(world)

    assert len(ports(world, server_id)) == 1
    at_rest(world, server_id, "ACTIVE")
    assert nics(world, server_id) == 1


def test_a_cloud_that_was_stopped_meanwhile_has_not_waited(world: World) -> None:
    server_id = do(world, made(world), **{"os-stop": None})
    world.app.engine.settle()

    world.clock.advance(3600)
    world.app.engine.settle()

    assert state(world, server_id) == ("ACTIVE", "powering-off")
    world.settle()
    assert state(world, server_id) == ("SHUTOFF", None)


@pytest.mark.parametrize(
    ("arrange", "action", "status"),
    [
        (made, {"pause": None}, "ACTIVE"),
        (made, {"createImage": {"name": "snap"}}, "ACTIVE"),
        (made, {"resize": {"flavorRef": "1"}}, "ACTIVE"),
        (made, {"shelve": None}, "ACTIVE"),
        (resized, {"revertResize": None}, "VERIFY_RESIZE"),
        (rescued, {"unrescue": None}, "RESCUE"),
    ],
)
def test_everything_may_be_taken_back_twice(
    world: World, arrange: Callable[[World], str], action: dict[str, Any], status: str
) -> None:
    world.repeat_steps()
    server_id = do(world, arrange(world), **action)

    pass_time(world)

    at_rest(world, server_id, status)
