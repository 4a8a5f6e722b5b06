"""The Debian packages that a real cloud needs: which are missing, and installing just those."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pileus.host.daemon import same_process
from pileus.host.place import HostError, Place

NEEDED = (
    *("qemu-system-x86", "qemu-utils", "libvirt-daemon", "libvirt-daemon-driver-qemu"),
    *("openvswitch-switch", "ovn-central", "ovn-host", "nftables", "iproute2", "ethtool", "kmod"),
    *("e2fsprogs", "genisoimage", "mmdebstrap", "xz-utils"),
)
# To build the Python bindings of libvirt against the libvirt that is installed.
NEEDED_TO_BUILD = ("libvirt-dev", "pkg-config", "gcc", "libc6-dev", "python3-dev")

# The system's own services in these packages; the cloud runs daemons of its own instead.
_SERVICES = {
    "openvswitch-switch": ("openvswitch-switch",),
    "ovn-central": ("ovn-central",),
    "ovn-host": ("ovn-host",),
}

_POLICY = Path("/usr/sbin/policy-rc.d")
_MARK = "# Made by pileus for the length of one installation"


def missing(wanted: Sequence[str] = NEEDED) -> list[str]:
    """Those of `wanted` that are not installed, in their order."""
    return [name for name in wanted if name not in _installed(wanted)]


def install(
    state: Path, wanted: Sequence[str] = NEEDED, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Install what is missing of `wanted` and return what was added, dependencies included.

    Services of the packages are not started: the cloud runs its own. What was added is recorded
    in `state`, for `uninstall`. `say` hears a line at each step. Raises HostError.
    """
    lacking = missing(wanted)
    if not lacking:
        return []
    if os.geteuid() != 0:
        raise HostError(f"these packages are missing: {' '.join(lacking)}; install them as root")
    with _no_services():
        say("packages: fetching the lists")
        _apt("update")
        words = ("--no-install-recommends", "--no-install-suggests", "install", *lacking)
        before = _all_installed()
        plan = {
            line.split()[1] for line in _apt("--simulate", *words).splitlines() if "Inst " in line
        }
        # Recorded first, so that also a broken-off installation can be taken away.
        _remember(state, sorted(plan - before))
        say(f"packages: installing {' '.join(lacking)}")
        _apt(*words)
    added = sorted(_all_installed() - before)
    _disable_services(added)
    return added


def ours(state: Path) -> list[str]:
    """The packages that `install` added for this cloud and that are still there."""
    with contextlib.suppress(FileNotFoundError):
        recorded: list[str] = json.loads(_record(state).read_text())
        still = _all_installed()
        return [name for name in recorded if name in still]
    return []


def uninstall(state: Path, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Purge exactly the packages that `install` added; the names of those removed.

    One that something else on the machine needs by now stays, and all of them while another cloud
    runs here. Raises HostError.
    """
    mine = ours(state)
    if mine and (others := _other_clouds(state)):
        say(f"packages: kept, because another cloud runs on this machine ({', '.join(others)})")
        return []
    if mine:
        going = _removable(mine)
        say(f"packages: removing {len(going)} of the {len(mine)} that were installed for the cloud")
        if going:
            _apt("purge", *going)
        mine = going
    _record(state).unlink(missing_ok=True)
    return mine


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
    units = [unit for name in added for unit in _SERVICES.get(name, ())]
    if units and shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", *units], check=False, capture_output=True)


def _removable(mine: Sequence[str]) -> list[str]:
    """Those of `mine` whose removal takes nothing away that is not in `mine`."""
    going = list(mine)
    while going:
        plan = _apt("--simulate", "purge", *going)
        taken = {line.split()[1] for line in plan.splitlines() if line.startswith("Purg ")}
        foreign = taken - set(going)
        if not foreign:
            return going
        # Whatever a foreign package needs stays; it is found by leaving one out at a time.
        going = [name for name in going if not foreign & _taken_with(name)]
    return going


def _taken_with(name: str) -> set[str]:
    plan = _apt("--simulate", "purge", name)
    return {line.split()[1] for line in plan.splitlines() if line.startswith("Purg ")}


def _record(state: Path) -> Path:
    return Place(state).state / "packages.json"


def _remember(state: Path, added: Sequence[str]) -> None:
    record = _record(state)
    record.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(record.read_text()) if record.exists() else []
    half = record.with_suffix(".new")
    half.write_text(json.dumps(sorted({*known, *added}), indent=1) + "\n")
    half.rename(record)


def _query(*names: str) -> set[str]:
    """Installed packages among `names` (all, when none is named)."""
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
        check=False,  # it fails when one of the names is unknown, and still tells of the others
        capture_output=True,
        text=True,
    )
    lines = (line.partition(" ") for line in answer.stdout.splitlines())
    return {name for status, _, name in lines if status == "installed"}


def _installed(wanted: Sequence[str]) -> set[str]:
    return _query(*wanted)


def _all_installed() -> set[str]:
    return _query()


def _apt(*words: str) -> str:
    command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", *words]
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise HostError(f"{' '.join(command)} failed ({done.returncode}):\n{tail}")
    return done.stdout


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting their services, by the means that Debian's policy provides.

    Where the administrator has a policy already, theirs is kept and put back afterwards.
    """
    kept = _POLICY.with_name("policy-rc.d.before-pileus")
    if _POLICY.exists() and _MARK not in _POLICY.read_text(errors="replace"):
        shutil.move(_POLICY, kept)
    try:
        _POLICY.write_text(f"#!/bin/sh\n{_MARK}.\nexit 101\n")
        _POLICY.chmod(_POLICY.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
        if kept.exists():
            shutil.move(kept, _POLICY)
