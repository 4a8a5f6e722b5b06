"""A libvirtd of the cloud's own, which never meets the system's or another cloud's."""

import contextlib
import itertools
import os
import shlex
import signal
import socket
import struct
import uuid
from pathlib import Path

from pileus.host.daemon import Daemon
from pileus.host.place import Place

# The folders in which libvirtd keeps everything. Their paths are compiled in, so an own daemon
# sees folders of its own there, in a mount namespace of its own.
_COVERED = (
    *("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"),
    "/run/libvirt",
)

# libvirtd refuses to start unless these exist, though qemu.conf names others. Debian makes them
# with the system's libvirtd, which a machine need not have.
_ACCOUNTS = {
    "passwd": "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin\n",
    "group": "libvirt-qemu:x:64055:\nlibvirt:x:64056:\n",
}

# libvirtd asks every emulator for all that it can do, seconds each, before it first describes the
# host. Guests here are x86_64 ones.
_HIDE = (
    "for each in /usr/bin/qemu-system-*; do"
    ' case "$each" in *x86_64*) continue;; esac;'
    ' [ -L "$each" ] || mount --bind /dev/null "$each"; done'
)

_QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
stdio_handler = "file"
"""


class Libvirtd:
    """The libvirtd of the cloud in `state`. Needs root.

    QEMU runs in its mount namespace and sees the machine's files as they are, but for the
    folders of libvirt itself.
    """

    def __init__(self, state: Path) -> None:
        self.place = Place(state)
        self._home = self.place.state / "libvirt"
        self.socket = self.place.run / "libvirt" / "libvirt-sock"
        folders = {
            "/etc/libvirt": self._home / "etc",
            "/var/lib/libvirt": self._home / "lib",
            "/var/cache/libvirt": self._home / "cache",
            "/var/log/libvirt": self._home / "log",
            "/run/libvirt": self.place.run / "libvirt",
        }
        self._folders = folders
        accounts = {f"/etc/{name}": self._home / name for name in _ACCOUNTS}
        mounts = "; ".join(
            f"mount --bind {shlex.quote(str(own))} {seen}"
            for seen, own in {**folders, **accounts}.items()
        )
        config = self._home / "etc" / "libvirtd.conf"
        self.daemon = Daemon(
            self.place,
            "libvirtd",
            # Mounts made on the machine later are still seen; ours are not seen outside.
            (
                *("unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c"),
                f'set -e; {mounts}; {_HIDE}; exec libvirtd -f "$1" -p "$2"',
                *("sh", str(config), str(self.place.run / "libvirtd.pid")),
            ),
            ready=lambda: _answers(self.socket),
        )

    @property
    def uri(self) -> str:
        """What to connect to."""
        return f"qemu+unix:///system?socket={self.socket}"

    def running(self) -> bool:
        """Whether it runs."""
        return self.daemon.running()

    def start(self, timeout: float = 60) -> bool:
        """Start it unless it runs; guests that an earlier one left are found again.

        True when it had to be started. Raises HostError.
        """
        if not self.daemon.running():
            self._write()
        return self.daemon.start(timeout)

    def stop(self, timeout: float = 15) -> bool:
        """Stop it and leave the guests running. True when it was running."""
        return self.daemon.stop(timeout)

    def guests(self) -> dict[str, int]:
        """The QEMU processes of this cloud, whether or not libvirtd runs: domain → process id."""
        # Known by what they see as libvirt's folder: names and records of processes may lie.
        ours = self.place.run / "libvirt"
        found: dict[str, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if not Path(os.fsdecode(words[0])).name.startswith("qemu-system-"):
                    continue
                name = _guest_name(words)
                if name is not None and ours.samefile(process / "root/run/libvirt"):
                    found[name] = int(process.name)
        return found

    def kill_guests(self) -> list[str]:
        """Kill every QEMU process of this cloud, as pulling the plugs would; their names."""
        killed = self.guests()
        for pid in killed.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return sorted(killed)

    def uninstall(self) -> None:
        """Stop it and remove the empty folders that it had to make as mount points."""
        self.stop()
        record = self._home / "mount-points"
        if record.exists():
            for folder in record.read_text().split():
                # A folder that another cloud's libvirtd covers can be removed, and its cover with
                # it, which that libvirtd would not survive.
                if not _covered(folder):
                    with contextlib.suppress(OSError):  # somebody else uses it by now
                        Path(folder).rmdir()
            record.unlink()

    def _write(self) -> None:
        for own in self._folders.values():
            own.mkdir(parents=True, exist_ok=True)
        made = [folder for folder in _COVERED if not Path(folder).exists()]
        if made:
            with (self._home / "mount-points").open("a") as record:
                record.writelines(f"{folder}\n" for folder in made)
            for folder in made:
                Path(folder).mkdir(parents=True, exist_ok=True)
        for name, entries in _ACCOUNTS.items():
            known = Path(f"/etc/{name}").read_text()
            names = {line.split(":", 1)[0] for line in known.splitlines()}
            lines = known.splitlines(keepends=True)
            lines += [
                line
                for line in entries.splitlines(keepends=True)
                if line.split(":", 1)[0] not in names
            ]
            (self._home / name).write_text("".join(lines))
        etc = self._home / "etc"
        (etc / "qemu.conf").write_text(_QEMU_CONF)
        identity = self._home / "host-uuid"
        if not identity.exists():  # no two hosts may have the same: guests move between them
            new = identity.with_suffix(".new")
            new.write_text(str(uuid.uuid4()))
            new.replace(identity)
        (etc / "libvirtd.conf").write_text(
            f'unix_sock_dir = "{self.socket.parent}"\n'
            'unix_sock_rw_perms = "0700"\n'
            'unix_sock_ro_perms = "0700"\n'
            'auth_unix_ro = "none"\n'
            'auth_unix_rw = "none"\n'
            f'host_uuid = "{identity.read_text()}"\n'
            "log_level = 3\n"
            'log_outputs = "3:stderr"\n'
            "audit_level = 0\n"
        )


def _covered(folder: str) -> bool:
    """Whether a process of this machine has something mounted there."""
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            if any(line.split(" ")[4] == folder for line in mounts.read_text().splitlines()):
                return True
    return False


def _guest_name(words: list[bytes]) -> str | None:
    """The domain's name on a QEMU's command line; None when it has none, as a probe."""
    for word, value in itertools.pairwise(words):
        if word == b"-name" and value.startswith(b"guest="):
            # QEMU's own commas are single, the name's are doubled.
            options = value.removeprefix(b"guest=").replace(b",,", b"\0").split(b",")
            return os.fsdecode(options[0].replace(b"\0", b","))
    return None


def _answers(path: Path) -> bool:
    """Whether a connection to the hypervisor can be opened at the socket `path`.

    libvirtd takes connections before its drivers are up, so only an answer counts. This is its
    wire protocol's first call, open("qemu:///system"), with no client library needed.
    """
    name = b"qemu:///system"
    arguments = struct.pack(f">II{len(name)}s", 1, len(name), name) + bytes(-len(name) % 4)
    call = struct.pack(">IIIIII", 0x20008086, 1, 1, 0, 0, 0) + arguments + struct.pack(">I", 0)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(struct.pack(">I", len(call) + 4) + call)
            answer = client.recv(28)
        except OSError:
            return False
    # The sixth word after the length is the status; 0 says that the call succeeded.
    return len(answer) == 28 and struct.unpack(">7I", answer)[6] == 0
