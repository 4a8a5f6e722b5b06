"""Which hosts are let in, by their token and their name."""

import uuid
from dataclasses import replace

import pytest

from pileus.agent import Identity
from pileus.agent.identity import NotJoined
from pileus.hosts import Refusal, Token
from pileus.hosts.rows import JoinToken

from .fleet import Site


def test_a_token_is_good_for_one_host(place: Site) -> None:
    token = place.token()
    place.hosts.join("once-1", token)

    with pytest.raises(Refusal, match="has been used"):
        place.hosts.join("once-2", token)


def test_a_join_whose_answer_was_lost_can_be_repeated(place: Site) -> None:
    token = place.token()
    identity = place.hosts.identity("lost-1")
    key = identity.joining_key()
    place.hosts.join("lost-1", token)
    (identity.state / "join.key").write_text(key)

    again = place.hosts.join("lost-1", token)

    again.check()


def test_a_token_expires(place: Site) -> None:
    with pytest.raises(Refusal, match="expired"):
        place.hosts.join("late-1", place.token(hours=-1))


def test_a_token_for_one_name_is_refused_to_another(place: Site) -> None:
    with pytest.raises(Refusal, match="'named-1'"):
        place.hosts.join("named-2", place.token(host="named-1"))


def test_a_made_up_token_is_refused(place: Site) -> None:
    with pytest.raises(Refusal, match="not valid"):
        place.hosts.join("guess-1", replace(place.token(), secret="guess"))


def test_a_token_is_not_shown_to_another_control_plane(place: Site) -> None:
    token = replace(place.token(), fingerprint="00" * 32)

    with pytest.raises(Refusal, match="has not been shown"):
        place.hosts.join("fooled-1", token)

    row = place.cloud.app.db.read(lambda tx: tx.get(JoinToken, token.id))
    assert row is not None
    assert row.used_by is None


def test_a_token_is_kept_as_a_hash(place: Site) -> None:
    token = place.token()

    row = place.cloud.app.db.read(lambda tx: tx.get(JoinToken, token.id))

    assert row is not None
    assert token.secret not in str(vars(row))


def test_a_damaged_token_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match="no join token"):
        Token.parse("pileus1.abc")


@pytest.mark.parametrize("name", ["host-1", "../x", "a b", ""])
def test_a_name_that_is_taken_or_odd_is_refused(place: Site, name: str) -> None:
    identity = replace(place.hosts.identity("odd"), name=name)

    with pytest.raises(Refusal):
        place.hosts.join_as(identity, place.token())


def test_a_name_joins_again_only_as_the_same_host(place: Site) -> None:
    identity = place.hosts.join("same-1", place.token())
    place.hosts.join("same-1", place.token())

    other = replace(identity, state=identity.state.parent / "copy", id=str(uuid.uuid4()))
    other.state.mkdir()
    with pytest.raises(Refusal, match="Another host has joined"):
        place.hosts.join_as(other, place.token())


def test_a_host_keeps_its_name(place: Site) -> None:
    identity = place.hosts.join("keeps-1", place.token())

    with pytest.raises(NotJoined, match="keeps its name"):
        Identity.begin(identity.state, "renamed", identity.server, simulated=True)
    assert place.refuses(replace(identity, name="renamed"), "a host keeps its name")


def test_a_real_host_has_no_place_in_a_simulated_cloud(place: Site) -> None:
    identity = place.hosts.join("real-1", place.token())
    attendant = place.hosts.attendant(identity)
    facts = attendant.machine.compute.facts()
    attendant.machine.compute._facts = replace(facts, accelerator="kvm")

    place.hosts.start(attendant, "real-1")

    place.until(lambda: "simulated cloud" in attendant.link.trouble)


def test_the_key_is_only_for_its_owner(place: Site) -> None:
    identity = place.hosts.join("modest-1", place.token())

    assert identity.certificate.stat().st_mode & 0o777 == 0o600
    assert not (identity.state / "join.key").exists()
