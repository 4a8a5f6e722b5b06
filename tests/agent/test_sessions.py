"""What a host is believed, and which of its sessions."""

import pytest

from pileus.core.db import Tx
from pileus.core.desired import Desired, Report, find, put
from pileus.hosts import JoinedHost, Refusal

from .fleet import Site, logged


def row_of(place: Site, host: str, guest: str) -> Desired:
    row = place.cloud.app.db.read(lambda tx: find(tx, host, "guest", guest))
    assert row is not None
    return row


def test_a_report_on_another_hosts_guest_changes_nothing(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    place.host("owner-1")
    thief = place.host("thief-1")
    server = place.create("owner-1")
    place.active(server)
    before = row_of(place, "owner-1", server)

    report = Report("guest", server, before.revision, {"power": "shutoff"})
    place.hosts.report(thief, report)

    place.until(lambda: logged(caplog, f"thief-1: its report on guest {server} is ignored"))
    assert row_of(place, "owner-1", server).state == before.state
    assert place.show(server)["status"] == "ACTIVE"
    place.delete(server)
    place.gone(server)


@pytest.mark.parametrize(("shift", "word"), [(-1, "past"), (7, "future")])
def test_a_report_from_another_time_changes_nothing(
    place: Site, caplog: pytest.LogCaptureFixture, shift: int, word: str
) -> None:
    name = f"time-{word}"
    host = place.host(name)
    server = place.create(name)
    place.active(server)
    before = row_of(place, name, server)

    report = Report("guest", server, before.revision + shift, {"power": "crashed"})
    place.hosts.report(host, report)

    place.until(lambda: logged(caplog, f"is from the {word}"))
    assert row_of(place, name, server).state == before.state
    place.reconnect()  # or the agent would hold back what is older than the future
    place.delete(server)
    place.gone(server)


def test_a_report_from_the_future_that_was_never_told_holds_nothing_back(place: Site) -> None:
    host = place.host("time-cut")
    server = place.create("time-cut")
    place.active(server)
    newer = row_of(place, "time-cut", server).revision + 7
    place.relay.cut()
    place.until(lambda: not host.link.connected.is_set(), "the host to be cut off")

    place.hosts.report(host, Report("guest", server, newer, {"power": "crashed"}))
    place.relay.mend()
    place.until(host.link.connected.is_set, "the host to call again")
    place.delete(server)

    place.gone(server)


def test_a_state_that_is_no_json_is_dropped_and_the_session_goes_on(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    host = place.host("odd-state")
    server = place.create("odd-state")
    place.active(server)
    revision = row_of(place, "odd-state", server).revision

    place.hosts.report(host, Report("guest", server, revision, {"power": "x" * 100_000}))

    place.until(lambda: logged(caplog, "its state has"))
    place.delete(server)
    place.gone(server)


def test_a_second_process_takes_over_and_the_first_one_ends(place: Site) -> None:
    first = place.host("twin-1")

    second = place.hosts.attendant(first.link.identity)
    place.hosts.start(second, "twin-1 again")

    place.until(second.link.connected.is_set)
    with pytest.raises(Refusal, match="taken over"):
        place.hosts.running["twin-1"].result(30)
    assert second.link.connected.is_set()


def test_reports_of_an_older_session_are_refused(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    host = place.host("fenced-1")
    server = place.create("fenced-1")
    place.active(server)
    before = row_of(place, "fenced-1", server)
    # Another control-plane process has let in a newer session; this one does not know it yet.
    db = place.cloud.app.db
    at_once = Report("guest", server, before.revision, {"power": "crashed"})

    def newer(tx: Tx) -> None:
        tx.set(JoinedHost, JoinedHost.host == "fenced-1", session=JoinedHost.session + 5)

    db.run(newer)
    place.hosts.report(host, at_once)

    place.until(lambda: logged(caplog, "session of this host has begun"))
    assert row_of(place, "fenced-1", server).state == before.state
    place.until(host.link.connected.is_set)
    place.delete(server)
    place.gone(server)


def test_what_another_process_has_changed_is_found(place: Site) -> None:
    """The row is written without this process's signal, as another process would."""
    host = place.host("quiet-1")
    network = place.network()
    spec = {"network_id": network, "port_id": "p", "mac": "m", "cidrs": ["10.9.0.2/24"]}

    def silent(tx: Tx) -> None:
        put(tx, "quiet-1", "metadata", network, spec)
        tx.signals.clear()

    place.cloud.app.db.run(silent)

    place.until(lambda: network in host.machine.host_network.metadata_networks())


def test_a_restored_database_is_caught_up_with(place: Site) -> None:
    """The agent knows a revision that a backup from before does not have."""
    host = place.host("future-1")
    host.link._revision = 10_000
    server = place.create("future-1")

    place.reconnect()

    place.active(server)
    place.delete(server)
    place.gone(server)
