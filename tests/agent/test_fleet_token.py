"""A fleet's token: many hosts, but only those that it names, and each until it has connected."""

from pathlib import Path

import pytest

from pileus import hosts
from pileus.hosts import Refusal, Token

from .fleet import Site, site


def _token(place: Site, many: int) -> Token:
    return place.cloud.app.db.run(lambda tx: hosts.create_token(tx, "sim", 1, many))


def test_a_fleet_joins_with_one_token(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        token = _token(place, 3)

        made = [place.hosts.join(hosts.fleet_host("sim", n), token) for n in range(3)]

        assert len({one.certificate.read_text() for one in made}) == 3


@pytest.mark.parametrize("name", ["sim-00003", "sim-3", "other-00000", "sim-00001x"])
def test_a_fleets_token_is_for_the_hosts_that_it_names(tmp_path: Path, name: str) -> None:
    with site(tmp_path) as place:
        token = _token(place, 3)

        with pytest.raises(Refusal, match="This join token is for"):
            place.hosts.join(name, token)


def test_a_fleets_token_takes_no_name_from_a_host_that_has_it(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        token = _token(place, 1)
        place.hosts.join("sim-00000", token)
        place.hosts.folder = tmp_path / "elsewhere"

        with pytest.raises(Refusal, match="Another host has joined as"):
            place.hosts.join("sim-00000", token)


def test_a_host_that_has_connected_joins_by_no_fleets_token(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        token = _token(place, 1)
        identity = place.hosts.join("sim-00000", token)
        agent = place.hosts.attendant(identity)
        place.hosts.start(agent)
        place.until(agent.link.connected.is_set, "the host to connect")

        with pytest.raises(Refusal, match="has connected before"):
            place.hosts.join_as(identity, token)
