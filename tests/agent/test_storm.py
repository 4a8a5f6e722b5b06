"""Many hosts, and nothing that stays whole: at the end everything is as it should be."""

import random
from pathlib import Path

from .fleet import Site, site

SEED, HOSTS, ROUNDS = 7, 8, 25


def _disturb(place: Site, chance: random.Random, round_: int) -> None:
    name = f"far-{chance.randrange(HOSTS)}"
    what = chance.randrange(4)
    if what == 0:
        place.reconnect()
    elif what == 1:
        place.hosts.stop(name)
        place.hosts.start(place.hosts.attendant(place.hosts.identity(name)), name)
    if round_ == ROUNDS // 2:
        place.restart()


def test_servers_come_and_go_while_everything_is_disturbed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with site(tmp_path) as place:
        for number in range(HOSTS):
            place.host(f"far-{number}")
        place.unlimited()
        alive: set[str] = set()
        for round_ in range(ROUNDS):
            alive |= {place.create(f"far-{chance.randrange(HOSTS)}") for _ in range(3)}
            for server in sorted(alive)[: chance.randrange(3)]:
                place.delete(server)
                alive.discard(server)
            _disturb(place, chance, round_)

        for server in alive:
            place.active(server)
        place.cloud.settle()

        where = {s: place.show(s)["OS-EXT-SRV-ATTR:host"] for s in alive}
        for number in range(HOSTS):
            name = f"far-{number}"
            wanted = {server for server, host in where.items() if host == name}
            place.until(lambda n=name, w=wanted: place.hosts.guests(n) == w, f"guests of {name}")
        assert place.cloud.audit() == []
