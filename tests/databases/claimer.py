"""One process that claims as long as there is anything: `python -m tests.databases.claimer`.

Words: the database's URL, its own number, and how it chooses: "candidates" asks the placement API
and claims what it answers; "hosts" is the scheduler's way. Each claim that was acknowledged is a
line on its output: the consumer's id and how much of each class it has of each provider.
"""

import random
import sys

import msgspec

from pileus import placement
from pileus.core.db import Database, Tx
from pileus.core.ids import Ids
from pileus.core.parts import Parts
from pileus.core.policy import Credentials, Policy
from pileus.placement.claims import NoCapacity
from pileus.wire.context import Request
from pileus.wire.dispatch import Dispatcher

WISH = "resources=DISK_GB:1&resources1=VCPU:1&resources2=VCPU:1&group_policy=none"
HOST = {"DISK_GB": 1}
Shares = dict[str, dict[str, int]]


class Claimer:
    """An index of its own on the common database, and the API above it."""

    def __init__(self, url: str, number: int) -> None:
        self.db = Database(url, ids=Ids(1000 + number))
        self.index = placement.Index(self.db)
        parts = Parts(self.db, Policy(placement.SERVICE.rules), self.index)
        self._api = Dispatcher([placement.SERVICE], parts, self._who)
        self._draw, self._number, self._count = random.Random(number), number, 0

    def _who(self, _token: str) -> Credentials:
        return Credentials(user_id="u", project_id="p", roles=frozenset({"admin"}))

    def _ask(self, method: str, path: str, query: str = "", body: object = None) -> object:
        headers = {"x-auth-token": "t", "openstack-api-version": "placement 1.39"}
        headers |= {"content-type": "application/json"} if body is not None else {}
        pairs = tuple(tuple(one.split("=")) for one in query.split("&") if one)
        data = b"" if body is None else msgspec.json.encode(body)
        request = Request(method, path, "http://x", pairs, headers, data)  # type: ignore[arg-type]
        version = self._api.version(placement.SERVICE, request)
        found = self._api.find(placement.SERVICE, request, version)
        return self._api.answer(found, request, "req-1").body

    def _consumer(self) -> str:
        self._count += 1
        return f"c{self._number:07d}-0000-4000-8000-{self._count:012d}"

    def candidate(self) -> bool:
        """Claim one of the candidates; whether there were any."""
        answer = self._ask("GET", "/allocation_candidates", WISH)
        assert isinstance(answer, bytes)
        every = msgspec.json.decode(answer)["allocation_requests"]
        if not every:
            return False
        consumer, one = self._consumer(), self._draw.choice(every)
        owner = {"project_id": "p", "user_id": "u", "consumer_type": "TEST"}
        body = {**one, **owner, "consumer_generation": None}
        try:
            self._ask("PUT", f"/allocations/{consumer}", body=body)
        except NoCapacity:
            return True  # somebody else was first
        tell(consumer, {p: s["resources"] for p, s in one["allocations"].items()})
        return True

    def host(self) -> bool:
        """Claim of the host with most room; whether there was one."""
        consumer = self._consumer()

        def work(tx: Tx) -> str:
            for id in self.index.fitting(tx, HOST, "DISK_GB"):
                placement.claim(tx, consumer, "p", "u", id, HOST)
                return id
            return ""

        try:
            id = self.db.run(work)
        except NoCapacity:
            return True
        if id:
            tell(consumer, {id: HOST})
        return bool(id)


def tell(consumer: str, shares: Shares) -> None:
    """This claim was acknowledged."""
    print(msgspec.json.encode([consumer, shares]).decode(), flush=True)


def main() -> None:
    """Claim until nothing is left."""
    url, number, way = sys.argv[1:]
    claimer = Claimer(url, int(number))
    while claimer.candidate() if way == "candidates" else claimer.host():
        pass
    claimer.db.close()


if __name__ == "__main__":
    main()
