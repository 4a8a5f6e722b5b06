"""What clients and disturbers are to do, drawn from a seed before anything begins."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# How often clients do what; the figures are shares of one another.
DEEDS = {
    "create_server": 10,
    "create_server_on_port": 3,
    "delete_server": 9,
    "delete_new_server": 3,
    "delete_server_again": 2,
    "power": 10,
    "resize": 4,
    "end_resize": 6,
    "rebuild": 3,
    "migrate": 3,
    "live_migrate": 4,
    "attach_port": 6,
    "detach_port": 8,
    "rename_server": 4,
    "create_port": 7,
    "change_port": 8,
    "delete_port": 6,
    "create_network": 2,
    "delete_network": 2,
    "create_group": 3,
    "change_group": 4,
    "delete_group": 2,
    "create_floating": 4,
    "move_floating": 6,
    "delete_floating": 4,
    "settle_doubt": 20,
    "list": 12,
    "show": 25,
}
DISTURBANCES = {
    "kill_control": 3,
    "stop_control": 2,
    "slow_control": 2,
    "cut_api": 3,
    "cut_agents": 2,
    "dangle_agents": 2,
    "kill_sim": 2,
    "stop_sim": 2,
    "cut_database": 2,
}


@dataclass(frozen=True)
class Deed:
    """One thing that a client does; `draw` chooses what it does it to."""

    name: str
    draw: random.Random


@dataclass(frozen=True)
class Disturbance:
    """What breaks, after so many seconds, and for how long."""

    name: str
    after: float
    lasts: float
    which: int


def deeds(seed: int, client: int) -> Iterator[Deed]:
    """A client's deeds, without end."""
    chance = random.Random(f"{seed} client {client}")
    names, weights = list(DEEDS), list(DEEDS.values())
    while True:
        name = chance.choices(names, weights)[0]
        yield Deed(name, random.Random(chance.random()))


def disturbances(seed: int) -> Iterator[Disturbance]:
    """What breaks, one after the other, without end."""
    chance = random.Random(f"{seed} disturbances")
    names, weights = list(DISTURBANCES), list(DISTURBANCES.values())
    while True:
        name = chance.choices(names, weights)[0]
        yield Disturbance(
            name, chance.uniform(1, 6), chance.uniform(0.5, 3), chance.randrange(1000)
        )
