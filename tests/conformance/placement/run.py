"""Upstream's suites of placement against a simulated cloud that is started for them, and random
requests to both placements.

    python run.py PYTHON [gabbi|osc|tempest|differ …]

PYTHON: that of an environment with requirements/conformance.txt. Their text comes with their
packages. Prints what passed, failed and was skipped, and fails where a test fails that `known.txt`
does not name.
"""

import sys
from pathlib import Path

from pileus.placement import SERVICE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from simulated import Told, cloud, judge, told  # noqa: E402

SUITES = ("gabbi", "osc", "tempest", "differ")
# What the fixtures of the files want to be otherwise: everything open, or the rules before 2021.
POLICIES: dict[str, dict[str, str]] = {
    "default": {},
    "open": {r.name: "@" for r in SERVICE.rules if r.name.startswith("placement:")},
    "legacy": {"service_api": "role:service or role:admin"},
}


def ran(suite: str, python: Path, state: Path) -> Told:
    """The result of a whole suite."""
    total = Told()
    for name, policy in POLICIES.items() if suite == "gabbi" else [("default", {})]:
        with cloud(state, policy) as at:
            if suite == "gabbi":
                total += told(python, HERE / "gabbits.py", *at, name)
            elif suite == "tempest":
                where = str(state / "tempest")
                total += told(python, HERE.parent / "tempests.py", *at, where, "(?i)placement")
            else:
                total += told(python, HERE / f"{suite}.py", *at)
    return total


def main(python: str, *suites: str) -> None:
    # Not `resolve`: the interpreter of an environment is a link out of it.
    at = Path(python).absolute()
    chosen = suites or SUITES
    judge(chosen, lambda suite, state: ran(suite, at, state), HERE / "known.txt", not suites)


if __name__ == "__main__":
    main(*sys.argv[1:])
