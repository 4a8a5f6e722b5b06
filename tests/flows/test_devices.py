"""Guests with PCI devices of their own survive crashes at any line: what they have, they hold."""

from dataclasses import replace

import pytest

from pileus import placement
from pileus.compute import Scheduler
from pileus.compute.driver import HostDevice
from pileus.compute.host import host_id
from pileus.compute.pci.alias import Alias
from pileus.compute.pci.provider import provider_id
from pileus.compute.scheduler import Settings
from pileus.core.backend import Refused

from .crash import World, everywhere
from .hosts import SECOND, Second, host_of, remove_from_both
from .servers import clean, do, make, show

_CARD = "0000:80:00.0"
_FLAVOR = {"id": "gpu", "name": "gpu", "vcpus": 1, "ram": 128, "disk": 1}


@pytest.fixture
def second(second: Second, world: World) -> Second:
    """A second host; each of the two has one device."""
    for driver in (world.machine.compute, second.driver):
        driver._facts = replace(driver._facts, devices=(HostDevice(_CARD, "CUSTOM_GPU"),))
    world.settle()
    assert world.call("POST", "/flavors", {"flavor": _FLAVOR})[0] == 200
    specs = {"extra_specs": {"pci_passthrough:alias": "gpu:1"}}
    assert world.call("POST", "/flavors/gpu/os-extra_specs", specs)[0] == 200
    return second


def asked(world: World) -> str:
    """A new server with a device; nothing has been done for it yet."""
    settings = Settings(pci_alias=(Alias("gpu", "CUSTOM_GPU"),))
    world.app.parts[Scheduler].settings = settings
    return make(world, flavorRef="gpu")


def active(world: World) -> str:
    server_id = asked(world)
    world.settle()
    assert show(world, server_id)["status"] == "ACTIVE"
    return server_id


def has_and_holds(world: World, second: Second, server_id: str, host: str) -> None:
    """The guest has the device of this host, and its server holds that and no other."""
    assert host_of(world, server_id) == host
    drivers = {"host-1": world.machine.compute, SECOND: second.driver}
    assert drivers[host]._guests[server_id].devices == (_CARD,)
    cards = {provider_id(host_id(name), _CARD): name for name in drivers}
    held = world.app.db.read(lambda tx: placement.holdings(tx, server_id))
    assert [cards[id] for id in held if id in cards] == [host]


@pytest.mark.parametrize(("end", "host"), [("confirmResize", SECOND), ("revertResize", "host-1")])
def test_a_move_that_crashes_anywhere_ends_with_one_device(
    world: World, second: Second, end: str, host: str
) -> None:
    def arrange(world: World) -> str:
        server_id = do(world, active(world), migrate=None)
        world.settle()
        assert show(world, server_id)["status"] == "VERIFY_RESIZE"
        return do(world, server_id, **{end: None})

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        has_and_holds(world, second, server_id, host)
        clean(world)
        remove_from_both(world, second, server_id)

    everywhere(f"{end} of a move with a device", world, arrange, check)


def test_a_create_that_its_host_refuses_and_that_crashes_anywhere_has_the_others_device(
    world: World, second: Second
) -> None:
    def arrange(world: World) -> str:
        world.machine.compute.fail_next("ensure", Refused("no disk left"))
        return asked(world)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        has_and_holds(world, second, server_id, str(host_of(world, server_id)))
        clean(world)
        remove_from_both(world, second, server_id)

    everywhere("server.create with a device, refused", world, arrange, check)


def test_a_rebuild_keeps_the_device(world: World, second: Second) -> None:
    server_id = active(world)

    do(world, server_id, rebuild={"imageRef": show(world, server_id)["image"]["id"]})
    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    has_and_holds(world, second, server_id, "host-1")
    clean(world)
