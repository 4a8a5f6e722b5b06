"""No input makes the cloud fail: seeded requests of every kind on every route.

FUZZ_REQUESTS says how many (3,000 by default), FUZZ_SEED which; one round alone is run again by
FUZZ_ROUND. In each round a cloud of its own is populated and its flows, loops and agent are
stopped, so that every change in its database is the doing of a request.
"""

import os
import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from pileus.app import SERVICES, build
from pileus.wire.route import FORM, Route
from pileus.wire.service import Service
from pileus.wire.versions import dotted

from ..cloud import Client, Cloud
from . import odd, samples, shape
from .caught import Caught
from .digest import Watcher
from .population import populate

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "3000"))
SEED = os.environ.get("FUZZ_SEED", "1")
ONLY = os.environ.get("FUZZ_ROUND")
ROUND = 300
ROUTES = [(service, route) for service in SERVICES for route in service.routes]
WRITES = [(s, r) for s, r in ROUTES if r.method in ("POST", "PUT", "PATCH")]
# A refused upload moves the time of the last change of an image: that is what upstream does too.
KEPT_BY_REFUSED_UPLOADS = {"images"}
# Wrong passcodes are counted, so that nobody can try them all.
KEPT_BY_REFUSED_LOGINS = {"identity_users"}
SLOW = 20.0  # seconds; an ordinary request takes a hundredth of one


def test_every_route_has_a_sample_body_or_a_reason() -> None:
    missing = []
    for service, route in ROUTES:
        try:
            samples.sample(service, route)
        except KeyError as lost:
            missing.append(str(lost))

    assert not missing, "give each a body in tests/fuzz/bodies"


def test_no_sample_is_left_of_a_route_that_is_gone() -> None:
    known = {(s.type, r.method, r.path, r.action) for s, r in ROUTES}

    assert not [key for key in samples.BODIES if key not in known]


@dataclass
class Sent:
    """A request as the fuzz makes it up."""

    service: Service
    route: Route
    who: str
    method: str
    url: str
    headers: dict[str, bytes]
    content: bytes

    def __str__(self) -> str:
        headers = {k: v[:80] for k, v in self.headers.items() if k != "X-Auth-Token"}
        body = self.content[:400]
        return f"{self.who}: {self.method} {self.url[:300]}\n  {headers}\n  {body!r}"


@dataclass
class Fuzz:
    """One round: a cloud, what is in it, and a source of chance."""

    cloud: Cloud
    rng: random.Random
    ids: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    def prepare(self) -> None:
        owner = self.cloud.new_member("owner")
        self.ids = populate(self.cloud, owner)
        self.ids["other_project_id"] = self.cloud.other.project_id
        self.clients = {"admin": self.cloud.admin, "owner": owner, "other": self.cloud.other}
        self.cloud.app.stop()

    def request(self, service: Service, route: Route) -> Sent:
        """A request to this route with something, or much, wrong about it; sometimes nothing."""
        rng = self.rng
        who = rng.choices(["admin", "owner", "other", "nobody"], [65, 28, 5, 2])[0]
        method = route.method if rng.random() < 0.97 else rng.choice(["HEAD", "PUT", "PATCH"])
        url = samples.url(service, route, [self._part(k) for k in samples.kinds(service, route)])
        if rng.random() < (0.5 if method == "GET" else 0.1):
            url += "?" + self._query(service.type)
        url = url[:60_000].rstrip("%0123456789ABCDEF") if len(url) > 60_000 else url
        headers = self._headers(service, route, who)
        content = self._content(service, route, headers) if method != "GET" else b""
        return Sent(service, route, who, method, url, headers, content)

    def _part(self, kind: str) -> str:
        chance = self.rng.random()
        if chance < 0.85 and kind in self.ids:
            return quote(self.ids[kind], safe="")
        if chance < 0.94:
            return self.rng.choice(odd.PARTS)
        return quote(self.rng.choice(list(self.ids.values())), safe="")

    def _query(self, service: str) -> str:
        rng = self.rng
        pairs = []
        names = [*odd.QUERIES[service], *odd.QUERIES[service], *odd.STRANGE]
        for _ in range(rng.choice([1, 1, 2, 3])):
            value = rng.choice([*odd.TEXTS, *map(str, odd.NUMBERS), *self.ids.values()])
            pairs.append((rng.choice(names), value[:12_000]))
        if rng.random() < 0.03:
            return rng.choice(["%", "a=%ff", "&&&", "=", "a[]=1", "limit=1&limit=x", "x" * 5000])
        if rng.random() < 0.02:
            pairs *= 400
        return urlencode(pairs, errors="replace")

    def _headers(self, service: Service, route: Route, who: str) -> dict[str, bytes]:
        rng = self.rng
        found: dict[str, bytes] = {}
        if who != "nobody":
            found["X-Auth-Token"] = self.clients[who].headers["X-Auth-Token"].encode()
        elif rng.random() < 0.7:
            token = self.ids["token"].encode()
            odd_tokens = [b"x", b"x" * 5000, b"\xff\xfe", b"gAAAAA", token[:-2], token[3:], b"a b"]
            found["X-Auth-Token"] = rng.choice(odd_tokens)
        if service.microversions is not None:
            found |= self._version(service, route)
        if route.path.endswith("/auth/tokens") and rng.random() < 0.8:
            tokens = [self.ids["token"].encode(), b"x", b"\xe9", b"x" * 3000]
            found["X-Subject-Token"] = rng.choice(tokens)
        for name, values in _HEADERS.items():
            if rng.random() < 0.02:
                found[name] = rng.choice(values)
        return found

    def _version(self, service: Service, route: Route) -> dict[str, bytes]:
        rng, known = self.rng, service.microversions
        assert known is not None
        least, most = max(known.oldest, route.since), min(known.newest, route.until)
        wanted = rng.choice([dotted(least), dotted(most), dotted(most), dotted(most), ""])
        if rng.random() < 0.1:
            wanted = rng.choice(["latest", "9.99", "2.01", "x", "2", "-1.1", "2.1.1", "\xe9"])
        if not wanted:
            return {}
        name = known.service_type
        return {"OpenStack-API-Version": f"{name} {wanted}".encode("latin-1")}

    def _content(self, service: Service, route: Route, headers: dict[str, bytes]) -> bytes:
        rng = self.rng
        good = samples.filled(samples.sample(service, route), self.ids)
        kind = rng.random()
        headers["Content-Type"] = route.media[0].encode()
        if isinstance(good, bytes):
            headers["Content-Type"] = b"application/octet-stream"
            return rng.choice([good, b"", b"QFI\xfb" + b"\0" * 600, rng.randbytes(3000)])
        if kind < 0.06:
            return rng.choice(odd.RAW)
        if kind < 0.1:
            headers["Content-Type"] = rng.choice([b"text/plain", b"application/xml", b"", b"\xe9"])
        if good is None:
            if rng.random() < 0.8:
                return b""
            good = {"x": 1}
        if FORM in route.media:
            fields = odd.mutated(rng, good, list(self.ids.values())) if kind > 0.4 else good
            pairs = fields.items() if isinstance(fields, dict) else [("x", fields)]
            return urlencode([(str(k), str(v)) for k, v in pairs], errors="replace").encode()
        if kind < 0.4:
            return odd.encoded(good)
        return odd.encoded(odd.mutated(rng, good, list(self.ids.values())))


_HEADERS: dict[str, list[bytes]] = {
    "Host": [b"evil.example", b"a" * 300, b"[::1]:80", b"\xe9", b"x:99999999", b"<script>"],
    "X-Roles": [b"admin"],
    "X-Project-Id": [b"x"],
    "X-User-Id": [b"x"],
    "X-Is-Admin-Project": [b"True"],
    "X-Identity-Status": [b"Confirmed"],
    "X-Service-Token": [b"x", b"\xff"],
    "X-Forwarded-For": [b"127.0.0.1"],
    "X-Forwarded-Proto": [b"https"],
    "X-OpenStack-Request-ID": [b"req-x", b"x" * 5000, b"\xff"],
    "X-OpenStack-Nova-API-Version": [b"2.5", b"latest", b"zz"],
    "Accept": [b"text/html", b"", b"application/vnd.x;q=zz"],
    "Range": [b"bytes=0-0", b"bytes=9-1", b"bytes=-", b"x", b"bytes=0-" + b"9" * 40],
    "If-Match": [b"revision_number=0", b"*", b"x", b"revision_number=" + b"9" * 30],
    "Content-Encoding": [b"gzip"],
    "Cookie": [b"a=b" * 500],
}


def _rounds() -> Iterator[int]:
    return iter(range(10**9))


@pytest.mark.timeout(max(600, REQUESTS // 4))
def test_no_request_makes_the_cloud_fail_and_a_refused_one_changes_nothing(tmp_path: Path) -> None:
    left, failures, statuses = REQUESTS, [], dict[int, int]()
    order = random.Random(SEED)
    deck: list[Any] = []
    for number in _rounds():
        if left <= 0:
            break
        if len(deck) < ROUND:
            fresh = ROUTES + WRITES * 2
            order.shuffle(fresh)
            deck += fresh
        some, deck = deck[:ROUND], deck[ROUND:]
        if ONLY is not None and number < int(ONLY):
            continue
        with Caught() as caught:
            cloud = Cloud(tmp_path / str(number))
            try:
                fuzz = Fuzz(cloud, random.Random(f"{SEED}:{number}"))
                fuzz.prepare()
                found, made = _round(fuzz, some[:left], caught, statuses)
                failures += [f"round {number}: {one}" for one in found]
                left -= made
                failures += [f"round {number}: {one}" for one in _afterwards(cloud, caught)]
            finally:
                cloud.close()
        if ONLY is not None:
            break
    print(f"\n{REQUESTS - left} requests, statuses {dict(sorted(statuses.items()))}")
    assert not failures, f"{len(failures)} failures\n" + "\n".join(failures[:40])


def _round(
    fuzz: Fuzz, some: list[tuple[Service, Route]], caught: Caught, statuses: dict[int, int]
) -> tuple[list[str], int]:
    watcher, failures = Watcher(fuzz.cloud.config.state), []
    with httpx.Client(base_url=fuzz.cloud.base, timeout=SLOW) as http:
        for index, (service, route) in enumerate(some):
            sent = fuzz.request(service, route)
            try:
                answer = http.request(
                    sent.method, sent.url, headers=sent.headers, content=sent.content
                )
            except httpx.HTTPError as broken:
                failures.append(f"{broken!r}\n  {sent}\n  {caught.take()}")
                continue
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            problem = shape.wrong(service.type, sent.method, answer)
            changed = watcher.changes()
            if not problem and answer.status_code >= 400:
                allowed = KEPT_BY_REFUSED_UPLOADS if route.stream else set()
                if route.path == "/v3/auth/tokens":
                    allowed = KEPT_BY_REFUSED_LOGINS
                more = [name for name in changed if name not in allowed]
                problem = f"{answer.status_code}, yet it changed {more}" if more else ""
            if problem:
                failures.append(f"{problem}\n  {sent}\n  {answer.text[:200]!r}\n  {caught.take()}")
            if answer.status_code == 401 and sent.who == "admin" and _locked_out(fuzz):
                return failures, index + 1
    watcher.close()
    return failures, len(some)


def _locked_out(fuzz: Fuzz) -> bool:
    """Whether a request has disabled the very admin who made it."""
    return fuzz.cloud.admin.get("/identity/v3/auth/projects").status_code == 401


def _afterwards(cloud: Cloud, caught: Caught) -> list[str]:
    """What is wrong once all that was accepted is carried out by a second process."""
    caught.take()
    app = build(cloud.config, cloud.machine)
    try:
        app.prepare()
        app.start()
        cloud.settle()
        # What clients allocate through placement's own API belongs to no server.
        kept = [one for one in app.audit() if "is no server and holds" not in one.detail]
        found = [f"audit: {finding}" for finding in kept]
    except Exception:
        found = ["the cloud does not come to rest\n" + traceback.format_exc()]
    finally:
        app.stop()
        app.close()
    told = caught.take()
    return found + ([f"logged while settling: {told}"] if told else [])
