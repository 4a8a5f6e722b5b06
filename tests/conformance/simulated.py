"""A simulated cloud to be tried by other people's suites, and what they say of it."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from pileus import settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.ports import free_port  # noqa: E402


@dataclass
class Told:
    """What a suite said: how many tests passed, which failed, and why some were skipped."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Told") -> "Told":
        return Told(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.reasons + other.reasons,
        )


def _pileus(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pileus.cli", *words], check=True, capture_output=True)


@contextmanager
def cloud(
    state: Path,
    policy: Mapping[str, str] | None = None,
    images: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    host: bool = False,
) -> Iterator[tuple[str, str]]:
    """A simulated cloud with this policy and these settings of images and of identity: its address
    and the admin's password. It has a host where it needs one.
    """
    where = ["--state", str(state)]
    up = ["up", *where, "--simulate", "--clouds-file", str(state / "clouds.yaml")]
    up += [] if host else ["--no-host"]
    if not settings.exists(state):
        _pileus(*up, "--port", str(free_port()))
        _pileus("down", *where)
    written = {"policy_file": policy, "image_file": images, "identity_file": identity}
    files = {name: state / f"{name}.yaml" for name in written}
    for name, file in files.items():
        file.write_text(yaml.safe_dump(dict(written[name] or {})))
    changed: dict[str, Any] = dict(files)
    settings.save(replace(settings.load(state), **changed))
    _pileus(*up)
    try:
        config = settings.load(state)
        yield config.base_url, config.admin_password
    finally:
        _pileus("down", *where)


def told(python: Path, script: Path, *words: str) -> Told:
    """What the last line of a suite says, which runs in the environment of upstream's packages."""
    more = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HERE),
    }
    command = [str(python), str(script), *words]
    done = subprocess.run(command, env=os.environ | more, capture_output=True, text=True)
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise SystemExit(f"{script} broke:\n{done.stdout[-4000:]}{done.stderr[-4000:]}") from None
    if found["failed"]:
        log = Path(tempfile.gettempdir()) / f"{script.stem}-{os.getpid()}.log"
        with log.open("a") as file:
            file.write(done.stdout + done.stderr)
        print(f"{script.name}: the whole of it is in {log}")
    reasons = Counter(found.get("reasons", {}))
    return Told(found["passed"], found["failed"], found["skipped"], reasons)


def judge(
    suites: Iterable[str],
    run: Callable[[str, Path], Told],
    known_in: Path,
    whole: bool,
) -> None:
    """Run each suite in a fresh folder, print what it said, and exit: 1 when there is news.

    known_in: a file that names the tests that fail, a pattern a line.
    whole: whether these are all suites, so that a pattern that fits no failure is news as well.
    """
    lines = known_in.read_text().splitlines() if known_in.exists() else []
    known = [line for line in lines if line and not line.startswith("#")]
    news: list[str] = []
    used: set[str] = set()
    for suite in suites:
        with tempfile.TemporaryDirectory() as folder:
            found = run(suite, Path(folder) / "state")
        fitting = {name: [k for k in known if fnmatch(name, k)] for name in found.failed}
        used.update(pattern for patterns in fitting.values() for pattern in patterns)
        fresh = [name for name, patterns in fitting.items() if not patterns]
        news += fresh
        print(
            f"{suite}: {found.passed} passed, {len(found.failed)} failed"
            f" ({len(found.failed) - len(fresh)} known), {found.skipped} skipped",
            flush=True,
        )
        for reason, number in found.reasons.most_common():
            print(f"  {number} skipped: {reason}")
    for name in news:
        print(f"not known to fail: {name}")
    if whole:
        for pattern in sorted(set(known) - used):
            print(f"passes by now, so {known_in.name} need not name it: {pattern}")
    sys.exit(bool(news))
