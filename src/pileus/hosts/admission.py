"""Who is let in: joining, the beginning of a session, renewing, and being removed."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from ..core import desired
from ..core.db import Stale, Tx
from . import certificates, tokens
from .authority import signer_in
from .messages import PROTOCOL, Hello, Join
from .refusal import Refusal
from .rows import HostCertificate, JoinedHost

TOPIC = "joined host"  # signalled with a host's name when it has been removed
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?")
_KEPT = timedelta(days=90)  # how long an expired certificate is remembered


@dataclass(frozen=True)
class Entry:
    """A session as the database has it."""

    host: str
    number: int
    revision: int  # changes after it are sent
    expires_at: datetime  # the certificate's end


def join(tx: Tx, message: Join, reserved: bool) -> certificates.Signed:
    """Sign the key of a host that has a token. `reserved`: the name is another host's.

    A host whose name is known joins again only as the same host, by its UUID; its older
    certificates are revoked. Raises Refusal.
    """
    try:
        host_id, key = certificates.requested(message.request)
    except certificates.BadRequest as wrong:
        raise Refusal(f"{str(wrong).capitalize()}.") from None
    if host_id != message.host_id:
        raise Refusal("The signing request is for another host than the one that sends it.")
    if not _NAME.fullmatch(message.name):
        raise Refusal("A host's name is letters, digits, dots and dashes, at most 255 of them.")
    fleet = tokens.use(tx, message.token, message.secret, message.name, certificates.key_hash(key))
    known = tx.get(JoinedHost, host_id)
    named = tx.one(JoinedHost, host=message.name)
    if known is not None and known.host != message.name:
        raise Refusal(f"This host joined as {known.host!r} and cannot become {message.name!r}.")
    if named is not None and named.id != host_id:
        raise Refusal(
            f"Another host has joined as {message.name!r}: `pileus agent remove {message.name}`"
            " first if it is gone for good, or choose another --name."
        )
    if fleet and known is not None and known.session:
        raise Refusal(
            f"{message.name!r} has connected before, and a fleet's token lets each host in once:"
            " a token of its own lets it join again."
        )
    if reserved and known is None:
        raise Refusal(f"There is a host {message.name!r} already: choose another --name.")
    if known is None:
        tx.add(JoinedHost(id=host_id, host=message.name))
    else:
        tx.change(known, session=known.session + 1, instance="")  # whoever has one loses it
    _revoke(tx, host_id)
    return _sign(tx, host_id, message.name, key)


def _sign(tx: Tx, host_id: str, host: str, key: EllipticCurvePublicKey) -> certificates.Signed:
    signed = signer_in(tx).sign_host(host_id, key, tx.now)
    tx.remove_where(HostCertificate, HostCertificate.expires_at < tx.now - _KEPT)
    tx.add(
        HostCertificate(
            serial=signed.serial, host_id=host_id, host=host, expires_at=signed.expires_at
        )
    )
    return signed


def _revoke(tx: Tx, host_id: str, *but: str) -> None:
    tx.set(
        HostCertificate,
        HostCertificate.host_id == host_id,
        HostCertificate.serial.not_in(but),
        HostCertificate.revoked_at.is_(None),
        revoked_at=tx.now,
    )


def holder(tx: Tx, serial: str) -> tuple[JoinedHost, datetime]:
    """The host whose certificate this is, and when the certificate ends. Raises Refusal."""
    found = tx.get(HostCertificate, serial)
    if found is None:
        raise Refusal("This certificate is none that is known here.")
    if found.revoked_at is not None:
        raise Refusal(
            f"This certificate of host {found.host!r} was revoked at"
            f" {found.revoked_at:%Y-%m-%d %H:%M} UTC."
        )
    if found.expires_at <= tx.now:
        raise Refusal(
            f"This certificate of host {found.host!r} expired at"
            f" {found.expires_at:%Y-%m-%d %H:%M} UTC: join again with a new token.",
            final=False,  # the clock here may have jumped and may be put right
        )
    host = tx.get(JoinedHost, found.host_id)
    if host is None:
        raise Refusal(f"Host {found.host!r} was removed.")
    return host, found.expires_at


def begin(tx: Tx, serial: str, hello: Hello, address: str) -> Entry:
    """Begin a session: from now on older ones of the host are void. Raises Refusal."""
    host, expires_at = holder(tx, serial)
    if hello.protocol != PROTOCOL:
        raise Refusal(
            f"The agent speaks protocol {hello.protocol}, and this control plane {PROTOCOL}:"
            " bring the older of the two up to date.",
            final=False,
        )
    if hello.host_id != host.id:
        raise Refusal(f"The certificate is of host {host.id}, and the agent says {hello.host_id}.")
    if hello.name != host.host:
        raise Refusal(
            f"This host joined as {host.host!r}, and its agent calls it {hello.name!r} now: a host"
            " keeps its name, as its guests are known by it."
        )
    if 0 < hello.session < host.session and host.instance != hello.instance:
        raise Refusal(
            f"Another process of host {host.host!r} has taken over from {host.address or '?'}"
            f" (session {host.session}, this one had {hello.session})."
        )
    number = host.session + 1
    taken = tx.set(
        JoinedHost,
        JoinedHost.id == host.id,
        JoinedHost.session == host.session,
        session=number,
        instance=hello.instance[:64],
        agent=hello.agent[:64],
        address=address[:255],
        connected_at=tx.now,
        strays={},
    )
    if not taken:
        raise Stale(f"host {host.host} begins another session")
    # A certificate that has been used says that the host has it for good: the older ones may go.
    _revoke(tx, host.id, serial, *_newer(tx, host.id, serial))
    newest = desired.newest(tx, host.host)
    # An agent that knows more than there is has seen a future that a restored backup took back.
    known = hello.revision if 0 <= hello.revision <= newest else 0
    return Entry(host.host, number, known, expires_at)


def check(tx: Tx, host: str, number: int) -> None:
    """See that this is still the host's newest session. Raises Refusal."""
    row = tx.one(JoinedHost, host=host)
    if row is None or row.session != number:
        raise Refusal("Another session of this host has begun, or it was removed.", final=False)


def _newer(tx: Tx, host_id: str, serial: str) -> list[str]:
    own = tx.get(HostCertificate, serial)
    assert own is not None  # noqa: S101
    rows = tx.all(
        HostCertificate,
        HostCertificate.host_id == host_id,
        HostCertificate.signed_at > own.signed_at,
    )
    return [row.serial for row in rows]


def renew(tx: Tx, serial: str, request: str) -> certificates.Signed:
    """Sign the next key of a host. Raises Refusal."""
    host, _ = holder(tx, serial)
    try:
        host_id, key = certificates.requested(request)
    except certificates.BadRequest as wrong:
        raise Refusal(f"{str(wrong).capitalize()}.") from None
    if host_id != host.id:
        raise Refusal("The signing request is for another host than the one that sends it.")
    return _sign(tx, host.id, host.host, key)


def dismiss(tx: Tx, host: str) -> None:
    """Forget a host that had joined, and revoke its certificates; no error where it had not."""
    row = tx.one(JoinedHost, host=host)
    if row is None:
        return
    _revoke(tx, row.id)
    tx.remove(row)
    desired.forget(tx, host)
    tx.signal(TOPIC, host)


def addresses(tx: Tx, hosts: Collection[str]) -> dict[str, str]:
    """Of these hosts → the address that its agent called from last; those that joined only."""
    query = sa.select(JoinedHost.host, JoinedHost.address).where(JoinedHost.host.in_(hosts))
    return {host: address.rpartition(":")[0] for host, address in tx.execute(query)}


def listed(tx: Tx) -> list[dict[str, Any]]:
    """Every host that has joined, for the operator."""
    ends = {
        row.host_id: row.expires_at
        for row in tx.all(
            HostCertificate,
            HostCertificate.revoked_at.is_(None),
            order=[HostCertificate.expires_at],
        )
    }
    return [
        {
            "host": row.host,
            "id": row.id,
            "agent": row.agent,
            "address": row.address,
            "session": row.session,
            "joined_at": row.joined_at.isoformat(timespec="seconds"),
            "connected_at": row.connected_at and row.connected_at.isoformat(timespec="seconds"),
            "certificate_until": row.id in ends and ends[row.id].isoformat(timespec="seconds"),
        }
        for row in tx.all(JoinedHost, order=[JoinedHost.host])
    ]


def strays(tx: Tx, kind: str, host: str | None = None) -> list[tuple[str, str]]:
    """(host, id) of what joined hosts, or one, have of this kind and nobody asked them for."""
    return [
        (row.host, id)
        for row in (tx.all(JoinedHost) if host is None else tx.all(JoinedHost, host=host))
        for id in row.strays.get(kind, ())
        if desired.find(tx, row.host, kind, id) is None
    ]
