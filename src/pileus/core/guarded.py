"""The one client for fetching what a user names: it reaches only what the operator allows.

A name is resolved once and the connection goes to the address that was looked at, so that a name
server cannot answer otherwise a moment later; each redirect is looked at like the first URL.
Addresses that are not of the public internet are refused unless the operator lists their network.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

from .backend import Broken, Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TIMEOUT = 30.0  # seconds that the other side may be silent
_REDIRECTS = 5
_PIECE = 256 << 10
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Guard:
    """What may be reached. Where `hosts` is empty, every host but `banned` may."""

    schemes: Sequence[str] = ("http", "https")
    hosts: Sequence[str] = ()
    banned: Sequence[str] = ()
    ports: Sequence[int] = (80, 443)
    networks: Sequence[Network] = ()  # private ones that are allowed all the same

    def check(self, url: str) -> SplitResult:
        """The parts of a URL whose scheme, host and port are allowed. Raises Refused."""
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
        except ValueError:
            raise Refused("The URL cannot be read.") from None
        if any(ord(c) <= 32 or ord(c) == 127 for c in url):
            raise Refused("A URL holds no spaces or control characters.")
        if parts.scheme not in self.schemes or parts.scheme not in _PORTS:
            raise Refused(f"The URL's scheme must be one of {', '.join(self.schemes)}.")
        if not host or parts.username is not None or parts.password is not None:
            raise Refused("The URL must name a host, and no user.")
        known = {_canonical(host), host.rstrip(".").lower()}
        if self.hosts:
            if not known & {one.lower() for one in self.hosts}:
                raise Refused(f"The host {host[:255]!r} is not allowed.")
        elif known & {one.lower() for one in self.banned}:
            raise Refused(f"The host {host[:255]!r} is not allowed.")
        if self.ports and (port or _PORTS[parts.scheme]) not in self.ports:
            raise Refused(f"The URL's port must be one of {', '.join(map(str, self.ports))}.")
        return parts

    def allows(self, address: Address) -> bool:
        """Whether a connection may go to this address."""
        if any(address in network for network in self.networks):
            return True
        if isinstance(address, ipaddress.IPv6Address):
            inner = address.ipv4_mapped or address.sixtofour
            if address.teredo is not None:
                inner = address.teredo[1]
            elif address in _NAT64:
                inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            if inner is not None:
                return self.allows(inner)
        return address.is_global and not address.is_multicast


@dataclass
class Fetched:
    """An answer: its headers, names in lower case, and its body in pieces."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes] = field(repr=False)


def _canonical(host: str) -> str:
    """A host's address as it is usually written, also from 0x7f.1 and its kin; or the name."""
    try:
        return str(ipaddress.ip_address(socket.inet_aton(host)))
    except (OSError, ValueError):
        return host.rstrip(".").lower()


def fetch(
    url: str, guard: Guard, *, first: int = 0, last: int | None = None, limit: int | None = None
) -> Iterator[bytes]:
    """The body of a GET, or its bytes from `first` to `last`.

    Raises Refused for what is not allowed, not there or larger than `limit`; Broken when the
    other side fails; FileNotFoundError for 404.
    """
    whole = first == 0 and last is None
    wanted = {} if whole else {"Range": f"bytes={first}-{'' if last is None else last}"}
    found = ask(url, guard, wanted)
    if found.status == 404:
        raise FileNotFoundError(url)
    if found.status not in (200, 206):
        raise Refused(f"The URL was answered with status {found.status}.")
    length = found.headers.get("content-length", "")
    if limit is not None and length.isdecimal() and int(length[:20]) > limit:
        raise Refused(f"What the URL names is larger than the limit of {limit} bytes.")
    pieces = found.pieces
    if not whole and found.status == 200:
        pieces = _part(pieces, first, last)
    return pieces if limit is None else _limited(pieces, limit)


def ask(url: str, guard: Guard, headers: Mapping[str, str] | None = None) -> Fetched:
    """The answer to a GET, redirects followed. Raises Refused, Broken."""
    sent = {"Accept-Encoding": "identity", "User-Agent": "pileus", **(headers or {})}
    origin = ""
    for _ in range(_REDIRECTS + 1):
        parts = guard.check(url)
        here = f"{parts.scheme}://{parts.netloc}"
        if origin and here != origin:
            sent.pop("X-Auth-Token", None)  # a secret is for the host that it was meant for
        origin = here
        answer = _get(parts, guard, sent)
        if answer.status not in (301, 302, 303, 307, 308):
            return answer
        target = answer.headers.get("location")
        if not target:
            raise Refused("The URL was answered with a redirect to nowhere.")
        url = urljoin(url, target)
    raise Refused(f"The URL leads through more than {_REDIRECTS} redirects.")


def _get(parts: SplitResult, guard: Guard, headers: Mapping[str, str]) -> Fetched:
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.sock = _connect(host, port, guard, parts.scheme == "https")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers=dict(headers))
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as problem:
        connection.close()
        raise Broken(f"{host} could not be asked: {problem}") from problem
    except BaseException:
        connection.close()
        raise
    found = {name.lower(): value for name, value in answer.getheaders()}
    if found.get("content-encoding", "identity").lower() != "identity":
        connection.close()
        raise Refused("The URL's content is compressed on its way; it must come as it is.")
    return Fetched(answer.status, found, _body(connection, answer, host))


def _connect(host: str, port: int, guard: Guard, secure: bool) -> socket.socket:
    try:
        known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise Broken(f"{host} cannot be resolved: {problem}") from None
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in known]
    # One that is refused spoils them all: which of them answers is the name server's choice.
    if not addresses or not all(guard.allows(one) for one in addresses):
        raise Refused(f"The host {host[:255]!r} has an address that is not allowed.")
    silent = OSError("no address answers")
    for address in addresses:
        try:
            plain = socket.create_connection((str(address), port), _TIMEOUT)
        except OSError as wrong:
            silent = wrong
            continue
        if not secure:
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    raise silent


def _body(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, host: str
) -> Iterator[bytes]:
    length = answer.length
    taken = 0
    try:
        while piece := answer.read(_PIECE):
            taken += len(piece)
            yield piece
    except (OSError, http.client.HTTPException) as problem:
        raise Broken(f"{host} broke off after {taken} bytes: {problem}") from problem
    finally:
        connection.close()
    if length is not None and taken != length:
        raise Broken(f"{host} broke off after {taken} of {length} bytes.")


def _limited(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    taken = 0
    for piece in pieces:
        taken += len(piece)
        if taken > limit:
            raise Refused(f"What the URL names is larger than the limit of {limit} bytes.")
        yield piece


def _part(pieces: Iterator[bytes], first: int, last: int | None) -> Iterator[bytes]:
    """Of a whole answer the part that was asked for: not every server knows ranges."""
    at = 0
    for piece in pieces:
        start, end = max(first - at, 0), len(piece) if last is None else last + 1 - at
        at += len(piece)
        if start < len(piece) and end > 0 and (part := piece[start : max(end, 0)]):
            yield part
        if last is not None and at > last:
            return
