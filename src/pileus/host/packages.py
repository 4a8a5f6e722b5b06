"""The Debian packages that a real cloud needs: which are missing, and installing just those."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pileus.host import apt
from pileus.host.daemon import same_process
from pileus.host.place import HostError, Place

NEEDED = (
    *("qemu-system-x86", "qemu-utils", "libvirt-daemon", "libvirt-daemon-driver-qemu"),
    *("openvswitch-switch", "ovn-central", "ovn-host", "nftables", "iproute2", "ethtool", "kmod"),
    *("e2fsprogs", "genisoimage", "mmdebstrap", "xz-utils"),
)
# The system's own services in these packages; the cloud runs daemons of its own instead.
_SERVICES = {
    "openvswitch-switch": ("openvswitch-switch",),
    "ovn-central": ("ovn-central",),
    "ovn-host": ("ovn-host",),
}


def missing(wanted: Sequence[str] = NEEDED) -> list[str]:
    """Those of `wanted` that are not installed, or only half, in their order."""
    found = apt.states(*wanted)
    return [name for name in wanted if found.get(name) != "installed"]


def install(
    state: Path, wanted: Sequence[str] = NEEDED, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Install what is missing of `wanted` and return what was added, dependencies included.

    Services of the packages are not started: the cloud runs its own. What was added is recorded
    in `state`, for `uninstall`. An installation that was broken off is finished first. `say` hears
    a line at each step. Raises HostError.
    """
    lacking = missing(wanted)
    if not lacking:
        if os.geteuid() == 0:
            apt.forget_policy()
        return []
    if os.geteuid() != 0:
        raise HostError(
            f"Debian packages are missing; as root: apt-get install {' '.join(lacking)}"
        )
    with apt.alone() as debian:
        try:
            if debian.mend():
                say("packages: an installation was broken off; finished it")
            say("packages: fetching the lists")
            debian.run("update")
            words = ("--no-install-recommends", "--no-install-suggests", "install", *lacking)
            before = _present()
            lines = (line.split() for line in apt.plan(*words).splitlines())
            plan = {words[1] for words in lines if words[:1] == ["Inst"]}
            # Recorded first, so that also a broken-off installation can be taken away.
            _remember(state, sorted(plan - before))
            say(f"packages: installing {' '.join(lacking)}")
            debian.run(*words)
        finally:
            _disable_services(ours(state))
    return sorted(_present() - before)


def ours(state: Path) -> list[str]:
    """The packages that `install` added for this cloud and of which something is still there."""
    with contextlib.suppress(FileNotFoundError):
        recorded: list[str] = json.loads(_record(state).read_text())
        still = apt.states()
        return [name for name in recorded if still.get(name, "not-installed") != "not-installed"]
    return []


def uninstall(state: Path, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Purge the packages that `install` added; the names of those removed.

    One that something else on the machine needs by now stays, and all of them while another cloud
    runs here; `say` hears of it. Raises HostError.
    """
    apt.forget_policy()
    mine = ours(state)
    if mine and (others := _other_clouds(state)):
        say(f"packages: kept, because another cloud runs on this machine ({', '.join(others)})")
        return []
    going: list[str] = []
    if mine:
        with apt.alone() as debian:
            debian.mend()
            mine = ours(state)
            going = _removable(mine)
            if going:
                debian.run("purge", *going)
    if kept := [name for name in mine if name not in going]:
        say(f"packages: kept, because others need them by now: {' '.join(kept)}")
    _record(state).unlink(missing_ok=True)
    return going


def _other_clouds(state: Path) -> list[str]:
    """The run folders of other clouds of this machine that have a living daemon."""
    own = Place(state).run
    found = []
    for record in own.parent.glob("*/pids/*"):
        with contextlib.suppress(OSError, ValueError):
            alive = same_process(record.read_text())
            if alive and record.parent.parent != own:
                found.append(str(record.parent.parent))
    return sorted(set(found))


def _disable_services(added: Sequence[str]) -> None:
    """Keep services of packages that were just added from starting at the next boot."""
    for unit in (unit for name in added for unit in _SERVICES.get(name, ())):
        for command in (["systemctl", "disable", unit], ["update-rc.d", unit, "disable"]):
            if shutil.which(command[0]):
                subprocess.run(command, check=False, capture_output=True)


def _removable(mine: Sequence[str]) -> list[str]:
    """Those of `mine` whose removal takes nothing away that is not in `mine`."""
    going = list(mine)
    while going:
        plan = apt.plan("purge", *going)
        taken = {line.split()[1] for line in plan.splitlines() if line.startswith("Purg ")}
        foreign = taken - set(going)
        if not foreign:
            return going
        # Whatever a foreign package needs stays; it is found by leaving one out at a time.
        going = [name for name in going if not foreign & _taken_with(name)]
    return going


def _taken_with(name: str) -> set[str]:
    plan = apt.plan("purge", name)
    return {line.split()[1] for line in plan.splitlines() if line.startswith("Purg ")}


def _record(state: Path) -> Path:
    return Place(state).state / "packages.json"


def _remember(state: Path, added: Sequence[str]) -> None:
    record = _record(state)
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = json.loads(record.read_text()) if record.exists() else []
    half = record.with_suffix(".new")
    half.write_text(json.dumps(sorted({*known, *added}), indent=1) + "\n")
    half.rename(record)


def _present() -> set[str]:
    """Every package of which more than its settings is on the machine."""
    gone = ("not-installed", "config-files")
    return {name for name, state in apt.states().items() if state not in gone}


def _main(state: str, *names: str) -> None:
    """For the Makefile, before there is an environment with the command `pileus`."""
    try:
        install(Path(state), names, print)
    except HostError as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    _main(*sys.argv[1:])
