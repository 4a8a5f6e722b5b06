"""Build guest images: `python -m pileus.host.images --tiny --debian --cache DIR`."""

import argparse
import sys
from pathlib import Path

from pileus.host.images import debian, tiny
from pileus.host.images.cache import default_cache
from pileus.host.images.debs import BuildFailed


def main() -> int:
    """Build what was asked for and print the path of each disk."""
    parser = argparse.ArgumentParser(prog="python -m pileus.host.images", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="the tiny image, ready in seconds")
    parser.add_argument("--debian", action="store_true", help="Debian 12 with cloud-init")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where images are kept")
    chosen = parser.parse_args()
    if not (chosen.tiny or chosen.debian):
        parser.error("say which image: --tiny, --debian or both")

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    try:
        if chosen.tiny:
            sys.stdout.write(f"{tiny.build(chosen.cache, say).disk}\n")
        if chosen.debian:
            sys.stdout.write(f"{debian.build(chosen.cache, say)}\n")
    except BuildFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
