"""Runs one call of the libvirt driver and dies by SIGKILL at one step into the world outside.

    python killed.py <step> <before|after> <uri> <home> <ensure|remove> <specification as JSON>

A step is a program that is run or a call of libvirt that changes something, by number. Without so
many steps the call ends as usual, and their number is printed.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt

from pileus.agent.guests import spec_of
from pileus.compute.drivers.libvirt import LibvirtCompute

STEPS = {
    libvirt.virConnect: ("defineXML",),
    libvirt.virDomain: ("createWithFlags", "destroy", "undefineFlags", "setMetadata"),
}


class Images:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, image_id: str) -> tuple[Path, str]:
        return self._folder / image_id, "raw"


class Victim:
    """Counts the steps and dies at the one it was told."""

    def __init__(self, step: int, when: str) -> None:
        self.step, self.when, self.count = step, when, 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            self.count += 1
            if (self.count, self.when) == (self.step, "before"):
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **options)
            if (self.count, self.when) == (self.step, "after"):
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return step


def main() -> None:
    step, when, uri, home, call, text = sys.argv[1:]
    folder = Path(home)
    driver = LibvirtCompute(uri, folder / "instances", Images(folder), "tcg", True, "one")
    victim = Victim(int(step), when)
    subprocess.run = victim.around(subprocess.run)  # type: ignore[assignment]
    for owner, names in STEPS.items():
        for name in names:
            setattr(owner, name, victim.around(getattr(owner, name)))
    spec = spec_of(json.loads(text))
    if call == "ensure":
        driver.ensure(spec)
    else:
        driver.remove(spec.id)
    print(victim.count)


if __name__ == "__main__":
    main()
