"""Upstream's suites of placement against a simulated cloud that is started for them, and random
requests to both placements.

    python run.py PYTHON [gabbi|osc|tempest|differ …]

PYTHON: that of an environment with requirements/conformance.txt. Their text comes with their
packages. Prints what passed, failed and was skipped, and fails where a test fails that `known.txt`
does not name.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pileus import settings
from pileus.placement import SERVICE

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tests.ports import free_port  # noqa: E402

# What the fixtures of the files want to be otherwise: everything open, or the rules before 2021.
POLICIES: dict[str, dict[str, str]] = {
    "default": {},
    "open": {r.name: "@" for r in SERVICE.rules if r.name.startswith("placement:")},
    "legacy": {"service_api": "role:service or role:admin"},
}


def pileus(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pileus.cli", *words], check=True, capture_output=True)


@contextmanager
def cloud(state: Path, policy: str) -> Iterator[tuple[str, str]]:
    """A simulated cloud without a host, with this policy: its address and the admin's password."""
    where = ["--state", str(state)]
    up = ["up", *where, "--simulate", "--no-host", "--clouds-file", str(state / "clouds.yaml")]
    if not settings.exists(state):
        pileus(*up, "--port", str(free_port()))
        pileus("down", *where)
    rules = state / "policy.yaml"
    rules.write_text(yaml.safe_dump(POLICIES[policy]))
    settings.save(replace(settings.load(state), policy_file=rules))
    pileus(*up)
    try:
        config = settings.load(state)
        yield config.base_url, config.admin_password
    finally:
        pileus("down", *where)


def told(python: Path, script: str, *words: str) -> dict[str, Any]:
    """What a suite's last line says."""
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    command = [str(python), str(HERE / script), *words]
    done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise SystemExit(f"{script} broke:\n{done.stdout[-4000:]}{done.stderr[-4000:]}") from None
    if found["failed"]:
        log = Path(tempfile.gettempdir()) / f"{script}-{os.getpid()}.log"
        log.write_text(done.stdout + done.stderr)
        print(f"{script}: the whole of it is in {log}")
    return found


def ran(suite: str, python: Path, state: Path) -> dict[str, Any]:
    """The result of a whole suite."""
    total: dict[str, Any] = {"passed": 0, "failed": [], "skipped": 0}
    for policy in POLICIES if suite == "gabbi" else ["default"]:
        with cloud(state, policy) as at:
            if suite == "gabbi":
                found = told(python, "gabbits.py", *at, policy)
            elif suite in ("osc", "differ"):
                found = told(python, f"{suite}.py", *at)
            else:
                found = told(python, "tempests.py", *at, str(state / "tempest"))
        total = {key: total[key] + found[key] for key in total}
    return total


def main(python: str, *suites: str) -> None:
    lines = (HERE / "known.txt").read_text().splitlines()
    known = {line for line in lines if line and not line.startswith("#")}
    news, failed = [], set()
    for suite in suites or ("gabbi", "osc", "tempest", "differ"):
        with tempfile.TemporaryDirectory() as folder:
            # Not `resolve`: the interpreter of an environment is a link out of it.
            found = ran(suite, Path(python).absolute(), Path(folder) / "state")
        missed = found["failed"]
        failed.update(missed)
        news += [name for name in missed if name not in known]
        print(
            f"{suite}: {found['passed']} passed, {len(missed)} failed"
            f" ({len([name for name in missed if name in known])} known),"
            f" {found['skipped']} skipped",
            flush=True,
        )
    for name in news:
        print(f"not known to fail: {name}")
    if not suites:
        for name in sorted(known - failed):
            print(f"passes by now, so known.txt need not name it: {name}")
    sys.exit(bool(news))


if __name__ == "__main__":
    main(*sys.argv[1:])
