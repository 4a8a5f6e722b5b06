"""Short commands of the engines, with errors that say what was run and what it answered."""

import subprocess
from collections.abc import Mapping

from pileus.host.place import HostError


def run(*words: str, timeout: float = 60, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed. Raises HostError."""
    try:
        done = subprocess.run(
            words,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
        )
    except FileNotFoundError as error:
        raise HostError(f"{words[0]} is not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{' '.join(words)} did not end within {timeout:g} seconds") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise HostError(f"{' '.join(words)} failed ({done.returncode}): {said}")
    return done.stdout
