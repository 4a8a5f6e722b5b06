"""Who is let in, and who is not."""

import contextlib
import socket
import ssl
import struct
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from pileus.agent import Identity
from pileus.agent.connection import blind
from pileus.agent.identity import NotJoined
from pileus.core.clock import RealClock
from pileus.core.db import Tx
from pileus.core.desired import Desired, Report, Wanted, find, put
from pileus.hosts import HostCertificate, JoinedHost, Refusal, Token, certificates
from pileus.hosts.authority import signer
from pileus.hosts.messages import Changes, FromControl, Ping, Reports
from pileus.hosts.rows import JoinToken

from .fleet import LeapClock, Site, site


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def place(shared: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    shared.hosts.folder = shared.folder / request.node.name[:100]
    yield shared
    shared.hosts.stop_all()


def logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return any(text in record.getMessage() for record in list(caplog.records))


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


def test_the_key_is_only_for_its_owner(place: Site) -> None:
    identity = place.hosts.join("modest-1", place.token())

    assert identity.certificate.stat().st_mode & 0o777 == 0o600
    assert not (identity.state / "join.key").exists()


def forged(place: Site, identity: Identity, own: certificates.Signer, ago: timedelta) -> None:
    """Give the host a certificate of this authority that was good until `ago` before now."""
    key = certificates.new_key()
    host_id, public = certificates.requested(certificates.request(key, identity.id))
    now = RealClock().now()
    signed = own.sign_host(host_id, public, now - ago - timedelta(hours=1), timedelta(hours=1))
    identity.renewed(signed.pem, key)


def refused(place: Site, identity: Identity, text: str) -> bool:
    """Whether the agent gets no connection, for a reason that has this in it."""
    attendant = place.hosts.attendant(identity)
    place.hosts.start(attendant, identity.name)
    place.until(lambda: text in attendant.link.trouble.lower(), f"{text!r} to be the trouble")
    return not attendant.link.connected.is_set()


def test_a_certificate_of_another_authority_is_refused(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("foreign-1", place.token())
    forged(place, identity, certificates.Signer.new(RealClock().now()), -timedelta(hours=2))

    assert refused(place, identity, "does not accept this host's certificate")
    place.until(lambda: logged(caplog, "refused in the TLS handshake"))


def test_an_expired_certificate_is_refused(place: Site, caplog: pytest.LogCaptureFixture) -> None:
    identity = place.hosts.join("old-1", place.token())
    forged(place, identity, signer(place.cloud.app.db), timedelta(days=3))

    assert refused(place, identity, "expired")
    place.until(lambda: logged(caplog, "certificate has expired"))


def test_a_certificate_that_was_never_signed_here_is_refused(place: Site) -> None:
    """As when the authority's key was stolen with an old backup, or the row was removed."""
    identity = place.hosts.join("unknown-1", place.token())
    forged(place, identity, signer(place.cloud.app.db), -timedelta(hours=2))

    assert refused(place, identity, "none that is known")


def test_a_revoked_certificate_is_refused_and_its_session_ended(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    host = place.host("gone-1")
    headers = {"OpenStack-API-Version": "compute 2.53"}
    listed = place.cloud.admin.get("/compute/v2.1/os-services", headers=headers).json()
    row = next(one for one in listed["services"] if one["host"] == "gone-1")

    url = f"/compute/v2.1/os-services/{row['id']}"
    answer = place.cloud.admin.delete(url, headers=headers)

    assert answer.status_code == 204
    with pytest.raises(Refusal, match="removed"):
        place.hosts.running["gone-1"].result(30)
    assert refused(place, host.link.identity, "revoked")
    assert logged(caplog, "was revoked")
    assert "gone-1" not in place.services()


def test_a_hosts_certificate_is_none_for_a_control_plane(place: Site) -> None:
    """Or one host could answer others in the control plane's place."""
    identity = place.hosts.join("false-1", place.token())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate)
    victim = place.hosts.join("false-2", place.token())

    with place.hosts.pretender(server) as port:
        assert refused(place, replace(victim, server=f"127.0.0.1:{port}"), "unsuitable")


def test_a_host_with_another_hosts_certificate_does_not_start(place: Site) -> None:
    one, two = (place.hosts.join(f"swap-{n}", place.token()) for n in (1, 2))
    two.certificate.write_text(one.certificate.read_text())

    with pytest.raises(NotJoined, match="copy from elsewhere"):
        Identity.load(two.state)
    assert refused(place, two, "the certificate is of host")


def test_a_host_keeps_its_name(place: Site) -> None:
    identity = place.hosts.join("keeps-1", place.token())

    with pytest.raises(NotJoined, match="keeps its name"):
        Identity.begin(identity.state, "renamed", identity.server, simulated=True)
    assert refused(place, replace(identity, name="renamed"), "a host keeps its name")


def test_a_real_host_has_no_place_in_a_simulated_cloud(place: Site) -> None:
    identity = place.hosts.join("real-1", place.token())
    attendant = place.hosts.attendant(identity)
    facts = attendant.machine.compute.facts()
    attendant.machine.compute._facts = replace(facts, accelerator="kvm")

    place.hosts.start(attendant, "real-1")

    place.until(lambda: "simulated cloud" in attendant.link.trouble)


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


def row_of(place: Site, host: str, guest: str) -> Desired:
    row = place.cloud.app.db.read(lambda tx: find(tx, host, "guest", guest))
    assert row is not None
    return row


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


def tls(place: Site, identity: Identity | None = None) -> ssl.SSLSocket:
    context = blind()
    if identity is not None:
        context.load_cert_chain(identity.certificate)
    raw = socket.create_connection(("127.0.0.1", place.relay.port), timeout=30)
    return context.wrap_socket(raw)


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    struct.pack(">I", 0xFFFFFFFF),
    struct.pack(">I", 4) + b"\xff\xff\xff\xff",
    struct.pack(">I", 3) + b"\x91\xa1x",
    struct.pack(">I", 8000) + b"\x91" * 8000,
    struct.pack(">I", 0),
]


@pytest.mark.parametrize("data", GARBAGE)
@pytest.mark.parametrize("known", [False, True])
def test_garbage_ends_the_connection_and_nothing_else(
    place: Site, data: bytes, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"garbage-{GARBAGE.index(data)}"
    identity = place.hosts.join(name, place.token()) if known else None

    with tls(place, identity) as line:
        line.sendall(data)
        with contextlib.suppress(OSError):
            assert line.recv(1000) == b""

    place.until(lambda: logged(caplog, "is cut off: it sent"))
    place.host(f"after-{name}-{known}")


def test_one_that_says_nothing_is_cut_off(place: Site) -> None:
    with tls(place) as line:
        assert line.recv(1000) == b""


def test_plain_text_is_refused_in_the_handshake(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", place.relay.port), timeout=30) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        line.recv(1000)

    place.until(lambda: logged(caplog, "refused in the TLS handshake"))


def test_a_certificate_is_renewed_well_before_its_end_and_the_old_one_revoked(
    tmp_path: Path,
) -> None:
    clock = LeapClock()
    clock.ahead = -timedelta(days=21)
    with site(tmp_path, clock) as place:
        host = place.host("fresh-1")
        old = host.link.identity.certificate.read_text()
        place.hosts.stop("fresh-1")
        clock.ahead = timedelta()

        again = place.hosts.attendant(host.link.identity, clock)
        place.hosts.start(again, "fresh-1")

        place.until(lambda: host.link.identity.certificate.read_text() != old)

        def one_left() -> bool:
            def good(tx: Tx) -> int:
                return tx.count(HostCertificate, HostCertificate.revoked_at.is_(None))

            return place.cloud.app.db.read(good) == 1

        place.until(one_left, "the old certificate to be revoked")
        place.until(again.link.connected.is_set)


def test_a_restored_database_is_caught_up_with(place: Site) -> None:
    """The agent knows a revision that a backup from before does not have."""
    host = place.host("future-1")
    host.link._revision = 10_000
    server = place.create("future-1")

    place.reconnect()

    place.active(server)
    place.delete(server)
    place.gone(server)


def test_a_damaged_token_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match="no join token"):
        Token.parse("pileus1.abc")


def test_wanted_objects_travel_whole(place: Site) -> None:
    wanted = Wanted("guest", "x", 7, {"name": "ä", "n": [1, 2.5, None, True]})

    sent = msgspec.msgpack.encode(Changes([wanted]))

    found = msgspec.msgpack.decode(sent, type=FromControl)
    assert isinstance(found, Changes)
    assert found.items == [wanted]


def test_one_who_only_looks_whether_the_port_is_open_is_no_incident(place: Site) -> None:
    listener = place.cloud.app.listener
    assert listener is not None
    before = len(listener.refusals.recent())

    for _ in range(3):
        socket.create_connection(listener.address).close()
    place.host("after-looking")

    assert len(listener.refusals.recent()) == before


def test_an_agent_that_does_not_read_is_cut_off(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("deaf-1", place.token())
    hello = place.hosts.attendant(identity).link.hello(place.facts("deaf-1"))

    def much(tx: Tx) -> None:
        for number in range(60):
            put(tx, "deaf-1", "metadata", str(number), {"junk": "x" * 300_000})

    place.cloud.app.db.run(much)

    with tls(place, identity) as line, contextlib.suppress(OSError):
        line.sendall(framed(hello))
        place.until(lambda: line.sendall(framed(Ping())) or logged(caplog, "has not read for"))

    assert logged(caplog, "has not read for")
    place.cloud.app.db.run(lambda tx: tx.remove_where(Desired, Desired.host == "deaf-1"))


def test_an_agent_that_does_not_wait_for_acknowledgements_is_cut_off(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("hasty-1", place.token())
    hello = place.hosts.attendant(identity).link.hello(place.facts("hasty-1"))
    reports = b"".join(framed(Reports(n, [])) for n in range(1000))

    with tls(place, identity) as line, contextlib.suppress(OSError):
        line.sendall(framed(hello))
        line.sendall(reports)
        while line.recv(65536):
            pass

    place.until(lambda: logged(caplog, "before earlier ones were acknowledged"))


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack(">I", len(body)) + body


def test_a_session_ends_with_its_certificate(tmp_path: Path) -> None:
    clock = LeapClock()
    with site(tmp_path, clock) as place:
        host = place.host("ends-1")

        clock.ahead = timedelta(days=31)

        place.until(lambda: not host.link.connected.is_set(), "the session to end")
        clock.ahead = timedelta()  # the clock had jumped, and is put right
        place.until(host.link.connected.is_set, "the agent to be back")


def test_joining_again_ends_the_session_of_the_older_certificate(place: Site) -> None:
    place.host("again-1")

    place.hosts.join("again-1", place.token())

    with pytest.raises(Refusal, match=r"taken over|revoked"):
        place.hosts.running["again-1"].result(30)
