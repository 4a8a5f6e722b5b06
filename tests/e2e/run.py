"""`make e2e`: a day with the cloud, by the real client, each step with its time.

    python tests/e2e/run.py --state DIR --client .client/bin/openstack [--image debian.qcow2]

Exits 0 when every step did what it should. With a simulated cloud the steps that need packets or a
guest's inside are left out, and said to be.
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from journey import Journey


def main() -> int:
    """Run the journey; 0 when every step passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--client", type=Path, required=True)
    parser.add_argument("--image", type=Path, help="a cloud image to boot besides the tiny one")
    chosen = parser.parse_args()
    journey = Journey(chosen.state, chosen.client.absolute(), chosen.image)
    passed = failed = 0
    for step in journey.steps():
        name = (step.__doc__ or step.__name__).strip()
        begun = time.perf_counter()
        try:
            step()
            passed += 1
            mark = "ok  "
        except Exception:
            failed += 1
            mark = "FAIL"
            traceback.print_exc()
        print(f"{mark} {time.perf_counter() - begun:7.1f} s  {name}", flush=True)
        if failed:
            break
    journey.clean()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
