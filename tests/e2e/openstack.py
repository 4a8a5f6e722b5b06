"""The real `openstack` client, called as a user calls it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any


class OpenStack:
    """The client with one cloud chosen. Raises Refused when it exits with an error."""

    def __init__(self, program: Path, clouds_file: Path, cloud: str) -> None:
        self.program, self.clouds_file, self.cloud = program, clouds_file, cloud
        self.extra: dict[str, str] = {}

    def run(self, *words: str, seconds: float = 900) -> str:
        """What `openstack WORDS` prints."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        env = kept | {"OS_CLIENT_CONFIG_FILE": str(self.clouds_file), "OS_CLOUD": self.cloud}
        done = subprocess.run(
            [str(self.program), *words],
            env=env | self.extra,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise Refused(f"openstack {' '.join(words)}\n    {said}")
        return done.stdout

    def json(self, *words: str, seconds: float = 900) -> Any:
        """The same with `-f json`, decoded."""
        return json.loads(self.run(*words, "-f", "json", seconds=seconds))


class Refused(Exception):
    """The client exited with an error: what was called, and what it said."""
