"""Tokens: issued by password and by token, validated; each beside the bare work under it.

    python bench/tokens.py

Everything runs in this process, without HTTP, on an SQLite file in a temporary folder.
"""

import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from pileus import identity
from pileus.config import Config
from pileus.core.db import Database
from pileus.core.parts import Parts
from pileus.core.policy import Policy
from pileus.core.resource import schema
from pileus.identity.revision import bump
from pileus.wire.context import Request, Response
from pileus.wire.dispatch import Dispatcher

PASSWORD = "bench-secret"
SCOPE = {"project": {"name": "demo", "domain": {"id": "default"}}}


def median(work: Callable[[], object], times: int) -> float:
    """The median seconds of one call, after a few to warm up."""
    for _ in range(min(20, times)):
        work()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def rate(work: Callable[[], object], workers: int, seconds: float = 3.0) -> float:
    """Calls per second by so many threads."""
    end = time.perf_counter() + seconds
    done = [0] * workers

    def run(index: int) -> None:
        while time.perf_counter() < end:
            work()
            done[index] += 1

    threads = [threading.Thread(target=run, args=(i,)) for i in range(workers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begun)


def line(name: str, seconds: float, bare: float, what: str) -> None:
    """Print one figure beside its bound."""
    print(
        f"{name:<34}{seconds * 1e6:>10.0f} µs {1 / seconds:>9.0f}/s"
        f"   {seconds / bare:>6.2f} × {what} ({bare * 1e6:.0f} µs)"
    )


class Bench:
    """The identity service over a database of its own."""

    def __init__(self, folder: Path) -> None:
        config = Config(state=folder, admin_password="admin", demo_password=PASSWORD)
        self.db = Database(config.database_url)
        schema.create_all(self.db.engine)
        self.parts = Parts(config, self.db, Policy(identity.SERVICE.rules))
        self.tokens = identity.Tokens(self.db, config)
        self.parts.add(self.tokens)
        self.db.run(lambda tx: identity.first_start(tx, self.parts, [identity.SERVICE]))
        self.dispatcher = Dispatcher([identity.SERVICE], self.parts, self.tokens.authenticate)

    def log_in(self, proof: dict[str, object]) -> Response:
        """POST /v3/auth/tokens, without the network."""
        import msgspec

        body = msgspec.json.encode({"auth": {"identity": proof, "scope": SCOPE}})
        headers = {"content-type": "application/json"}
        request = Request("POST", "/v3/auth/tokens", "http://bench", (), headers, body)
        version = self.dispatcher.version(identity.SERVICE, request)
        found = self.dispatcher.find(identity.SERVICE, request, version)
        answer = self.dispatcher.answer(found, request, "req-bench")
        assert answer.status == 201
        return answer


def main() -> None:
    """Measure and print."""
    print(
        f"{platform.node()}: {os.cpu_count()} cores, {platform.machine()}, Python"
        f" {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        salt = b"s" * 16
        bare_hash = median(
            lambda: Argon2id(
                salt=salt, length=32, iterations=3, lanes=1, memory_cost=19 * 1024
            ).derive(b"x"),
            50,
        )
        fernet = Fernet(Fernet.generate_key())
        sealed = fernet.encrypt(b"p" * 80)
        bare_seal = median(lambda: fernet.encrypt(b"p" * 80), 2000)
        bare_open = median(lambda: fernet.decrypt(sealed), 2000)
        user = {"name": "demo", "domain": {"id": "default"}, "password": PASSWORD}
        by_password = {"methods": ["password"], "password": {"user": user}}
        seconds = median(lambda: bench.log_in(by_password), 40)
        line("issue by password", seconds, bare_hash, "bare Argon2id")
        print(f"{'  share of the hashing':<34}{bare_hash / seconds:>10.0%}")
        token = bench.log_in(by_password).headers["X-Subject-Token"]
        by_token = {"methods": ["token"], "token": {"id": token}}
        line(
            "issue by token",
            median(lambda: bench.log_in(by_token), 1000),
            bare_seal,
            "bare Fernet encrypt",
        )
        line(
            "validate, known",
            median(lambda: bench.tokens.authenticate(token), 5000),
            bare_open,
            "bare Fernet decrypt",
        )

        def changed() -> float:
            bench.db.run(bump)
            begun = time.perf_counter()
            bench.tokens.authenticate(token)
            return time.perf_counter() - begun

        first = statistics.median(changed() for _ in range(300))
        line("validate, after a change", first, bare_open, "bare Fernet decrypt")
        cores = os.cpu_count() or 1
        bare = rate(
            lambda: Argon2id(
                salt=salt, length=32, iterations=3, lanes=1, memory_cost=19 * 1024
            ).derive(b"x"),
            cores,
        )
        found = rate(lambda: bench.log_in(by_password), 10)
        print(f"10 logins at a time: {found:.1f}/s, {found / bare:.0%} of what {cores} cores hash")
        found = rate(lambda: bench.tokens.authenticate(token), 10)
        print(f"10 validations at a time: {found:.0f}/s")
        bench.tokens.close()
        bench.db.close()


if __name__ == "__main__":
    main()
