"""Upstream's Tempest tests of one service against a simulated cloud that is started for them.

    python run.py PYTHON identity|image [SUITE|REGEX …]

PYTHON: that of an environment with requirements/conformance.txt. What suites a service has stands
in `services.py`; a word that is none of them is a regular expression of tests by name. Prints what
passed, failed and was skipped, and fails where a test fails that `SERVICE/known.txt` does not name.
OPTIONS in the environment names a file in the form of tempest.conf, whose options win.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from services import SERVICES
from simulated import HERE, Told, cloud, judge, told

from tests.api.image import crafted
from tests.api.image.web import serving


def main(python: str, name: str, *words: str) -> None:
    service = SERVICES[name]
    named = service.suites | service.asked
    extra = os.environ.get("OPTIONS", "")

    def run(word: str, state: Path) -> Told:
        images = service.images.get("", {}) | service.images.get(word, {})
        with (
            tempfile.NamedTemporaryFile("w", suffix=".json") as options,
            serving() as web,
            cloud(state, images=images, identity=service.identity, host=service.host) as at,
        ):
            web.files |= {"/disk.qcow2": crafted.qcow2(), "/disk.raw": b"raw" * 1000}
            url = {
                "http_image": f"{web.base}/disk.raw",
                "http_qcow2_image": f"{web.base}/disk.qcow2",
            }
            given = {k: dict(v) for k, v in service.options.items()}
            for group, more in service.own.get(word, {}).items():
                given.setdefault(group, {}).update(more)
            given.setdefault("image", {}).update(url, image_caching_enabled="true")
            json.dump(given, options)
            options.flush()
            if service.prepare is not None:
                service.prepare(at[0], state)
            where, wanted = str(state / "tempest"), named.get(word, word)
            more = [options.name, *([str(Path(extra).absolute())] if extra else [])]
            # Not `resolve`: the interpreter of an environment is a link out of it.
            here = Path(python).absolute()
            return told(here, HERE / "tempests.py", *at, where, wanted, *more)

    judge(words or service.suites, run, HERE / name / "known.txt", not words)


if __name__ == "__main__":
    main(*sys.argv[1:])
