"""Which hosts are let in, by their certificate, and for how long."""

import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pileus.agent import Identity
from pileus.agent.identity import NotJoined
from pileus.core.clock import RealClock
from pileus.core.db import Tx
from pileus.hosts import HostCertificate, Refusal, certificates
from pileus.hosts.authority import signer

from .fleet import LeapClock, Site, logged, site


def forged(place: Site, identity: Identity, own: certificates.Signer, ago: timedelta) -> None:
    """Give the host a certificate of this authority that was good until `ago` before now."""
    key = certificates.new_key()
    host_id, public = certificates.requested(certificates.request(key, identity.id))
    now = RealClock().now()
    signed = own.sign_host(host_id, public, now - ago - timedelta(hours=1), timedelta(hours=1))
    identity.renewed(signed.pem, key)


def test_a_certificate_of_another_authority_is_refused(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("foreign-1", place.token())
    forged(place, identity, certificates.Signer.new(RealClock().now()), -timedelta(hours=2))

    assert place.refuses(identity, "does not accept this host's certificate")
    place.until(lambda: logged(caplog, "refused in the TLS handshake"))


def test_an_expired_certificate_is_refused(place: Site, caplog: pytest.LogCaptureFixture) -> None:
    identity = place.hosts.join("old-1", place.token())
    forged(place, identity, signer(place.cloud.app.db), timedelta(days=3))

    assert place.refuses(identity, "expired")
    place.until(lambda: logged(caplog, "certificate has expired"))


def test_a_certificate_that_was_never_signed_here_is_refused(place: Site) -> None:
    """As when the authority's key was stolen with an old backup, or the row was removed."""
    identity = place.hosts.join("unknown-1", place.token())
    forged(place, identity, signer(place.cloud.app.db), -timedelta(hours=2))

    assert place.refuses(identity, "none that is known")


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
    assert place.refuses(host.link.identity, "revoked")
    assert logged(caplog, "was revoked")
    assert "gone-1" not in place.services()


def test_a_hosts_certificate_is_none_for_a_control_plane(place: Site) -> None:
    """Or one host could answer others in the control plane's place."""
    identity = place.hosts.join("false-1", place.token())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate)
    victim = place.hosts.join("false-2", place.token())

    with place.hosts.pretender(server) as port:
        assert place.refuses(replace(victim, server=f"127.0.0.1:{port}"), "unsuitable")


def test_a_host_with_another_hosts_certificate_does_not_start(place: Site) -> None:
    one, two = (place.hosts.join(f"swap-{n}", place.token()) for n in (1, 2))
    two.certificate.write_text(one.certificate.read_text())

    with pytest.raises(NotJoined, match="copy from elsewhere"):
        Identity.load(two.state)
    assert place.refuses(two, "the certificate is of host")


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
