"""What declarations generate stands in a file, so that a change shows its whole effect in the diff.

`make golden` writes the files anew.
"""

import os
from pathlib import Path

from click.testing import CliRunner

from pileus.cli.routes import routes

FILE = Path(__file__).parents[1] / "golden/routes.txt"


def test_the_routes_are_those_of_the_golden_file() -> None:
    printed = CliRunner().invoke(routes).output
    if os.environ.get("PILEUS_GOLDEN") == "write":
        FILE.write_text(printed)

    assert printed == FILE.read_text(), "meant? then `make golden`"
