"""osc-placement's functional tests against a running cloud.

    python osc.py BASE PASSWORD [MODULE.CLASS.TEST …]

They bring a placement in process as a fixture; in its place they get the cloud's, empty each time.
"""

import sys
import unittest
from pathlib import Path
from typing import Any

import fixtures
from osc_placement.tests import functional
from placement.tests.functional.fixtures import placement as upstream
from stock import OPERATOR, Stock
from tell import tell


def real(cloud: Stock) -> type:
    """A fixture in the place of upstream's `PlacementFixture`."""

    class RealPlacement(fixtures.Fixture):
        def _setUp(self) -> None:
            self.endpoint = f"{cloud.base}/placement"
            self.token = cloud.token(OPERATOR, "admin")
            cloud.empty()
            self.addCleanup(cloud.empty)

    return RealPlacement


def main(base: str, password: str, *only: str) -> None:
    upstream.PlacementFixture = real(Stock(base, password))
    folder = Path(functional.__file__).parent
    loader = unittest.TestLoader()
    tests: Any = (
        loader.loadTestsFromNames([f"{functional.__name__}.{name}" for name in only])
        if only
        else loader.discover(str(folder), top_level_dir=str(folder.parents[2]))
    )
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    tell(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
