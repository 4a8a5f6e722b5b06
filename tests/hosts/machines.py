"""Several hosts on one machine: each a set of namespaces, all on one bridge."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from pileus.host.place import Place

# What a host of its own has of its own: name, devices, /etc, the named network namespaces of its
# metadata, and the folder for commands. The rest of the file system is everybody's.
_SETUP = """\
set -e
hostname "$1"
mount -t sysfs sysfs /sys
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
mount -t tmpfs tmpfs "$2"
for each in etc usr/local/bin; do
    mkdir -p "$2/$each/upper" "$2/$each/work"
    mount -t overlay overlay \
        -o "lowerdir=/$each,upperdir=$2/$each/upper,workdir=$2/$each/work" "/$each"
done
printf '127.0.0.1 localhost\\n' >/etc/hosts
echo ready
exec sleep infinity
"""


def run(*words: str, check: bool = True) -> str:
    """What a command printed."""
    done = subprocess.run(words, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


class Host:
    """One of the hosts. `address` is the one that the others reach it at."""

    def __init__(self, site: "Machines", number: int) -> None:
        self.site, self.number = site, number
        self.name = f"host{number}"
        self.address = f"{site.network}.{number}"
        self.cable = f"{site.tag}-{number}"  # its end on the bridge
        self.state = site.folder / self.name
        scratch = site.folder / f"{self.name}.own"
        scratch.mkdir()
        words = ["unshare", "--net", "--mount", "--uts", "--propagation", "private"]
        words += ["sh", "-c", _SETUP, "sh", self.name, str(scratch)]
        self._keeper = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"ready\n", "the host's namespaces cannot be made"
        pid = str(self._keeper.pid)
        inner = ("type", "veth", "peer", "name", "eth0", "netns", pid)
        run("ip", "link", "add", self.cable, *inner)
        run("ip", "link", "set", self.cable, "master", site.tag, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        # The userspace switch takes and gives whole checksums only.
        self.run("ethtool", "-K", "eth0", "tx", "off")

    def words(self, *words: str) -> list[str]:
        """The command that runs `words` on this host."""
        return ["nsenter", "-t", str(self._keeper.pid), "-n", "-m", "-u", "--", *words]

    def run(self, *words: str, check: bool = True) -> str:
        """What a command on this host printed."""
        return run(*self.words(*words), check=check)

    def cut(self) -> None:
        """Pull the cable."""
        run("ip", "link", "set", self.cable, "down")

    def mend(self) -> None:
        """Put it back."""
        run("ip", "link", "set", self.cable, "up")

    def processes(self) -> list[int]:
        """Every process on this host but the one that keeps it."""
        mine = os.stat(f"/proc/{self._keeper.pid}/ns/net").st_ino
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                ours = os.stat(folder / "ns/net").st_ino == mine
                if ours and int(folder.name) != self._keeper.pid:
                    found.append(int(folder.name))
        return found

    def power_cut(self) -> None:
        """Every process is gone at once, and every device that was made, as after a reboot."""
        # Those in network namespaces of their own, as metadata's, have no processes of theirs.
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name in self.run("ip", "netns", "list").split():
            self.run("ip", "netns", "delete", name, check=False)
        for device in json.loads(self.run("ip", "-json", "link")):
            if device["ifname"] not in ("lo", "eth0"):
                self.run("ip", "link", "delete", device["ifname"], check=False)
        self.run("nft", "flush", "ruleset")

    def close(self) -> None:
        """The machine is switched off, and taken away."""
        self.power_cut()
        self._keeper.kill()
        self._keeper.wait()
        run("ip", "link", "delete", self.cable, check=False)
        shutil.rmtree(Place(self.state).run, ignore_errors=True)


class Machines:
    """The hosts of one test and the bridge between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tag = f"hx{uuid.uuid4().hex[:6]}"
        routes = run("ip", "-4", "route")
        self.network = next(n for n in (f"10.231.{i}" for i in range(1, 250)) if n not in routes)
        self.gateway = f"{self.network}.254"
        self.hosts: list[Host] = []
        run("ip", "link", "add", self.tag, "type", "bridge")
        run("ip", "address", "add", f"{self.gateway}/24", "dev", self.tag)
        run("ip", "link", "set", self.tag, "up")

    def host(self) -> Host:
        """One host more."""
        made = Host(self, len(self.hosts) + 1)
        self.hosts.append(made)
        return made

    def close(self) -> None:
        """Take everything away."""
        for host in self.hosts:
            host.close()
        run("ip", "link", "delete", self.tag, check=False)


@contextlib.contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """A bridge to put hosts on; all is gone afterwards, whatever happened."""
    made = Machines(folder)
    try:
        yield made
    finally:
        made.close()
