"""An Open vSwitch of the cloud's own: its database server and its switch daemon."""

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pileus.host import datapath
from pileus.host.command import run
from pileus.host.daemon import Daemon, listening
from pileus.host.place import HostError, Place

_NETDEV = "ovs-netdev"
_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


def database(
    place: Place, name: str, file: Path, schema: Path, socket: Path, *options: str
) -> Daemon:
    """The daemon that serves the OVSDB `file` at the unix `socket`, made or upgraded if needed."""
    if not schema.exists():
        raise HostError(f"{schema} is missing: install Open vSwitch and OVN")
    file.parent.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        half = file.with_suffix(".new")
        half.unlink(missing_ok=True)
        run("ovsdb-tool", "create", str(half), str(schema))
        half.rename(file)
    command = ["ovsdb-server", str(file), f"--remote=punix:{socket}", "-vconsole:warn"]
    command += [f"--unixctl={socket.with_suffix('.ctl')}", *options]
    return Daemon(place, name, tuple(command), ready=lambda: listening(socket))


def upgrade(daemon: Daemon, file: Path, schema: Path) -> None:
    """Convert the database of a stopped `daemon` when a newer package brought a newer schema."""
    if not daemon.running() and run("ovsdb-tool", "needs-conversion", str(file), str(schema)) == (
        "yes\n"
    ):
        run("ovsdb-tool", "convert", str(file), str(schema))


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    # The folder itself is locked, so that no file is left behind.
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def holder(device: str) -> int | None:
    """The process that has the tap `device` open; None for one that a dead process left."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # processes come and go meanwhile
            if os.readlink(entry) == "/dev/net/tun":
                facts = (entry.parent.parent / "fdinfo" / entry.name).read_text()
                if f"iff:\t{device}" in facts.splitlines():
                    return int(entry.parts[2])
    return None


def _exists(device: str) -> bool:
    return Path(f"/sys/class/net/{device}").exists()


class OpenVSwitch:
    """The switch of the cloud in `place`. Needs root."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.run_folder = place.run / "ovs"
        self.socket = self.run_folder / "db.sock"
        self._file = place.state / "ovs" / "conf.db"
        self._control = self.run_folder / "ovs-vswitchd.ctl"
        self.env = {
            "OVS_RUNDIR": str(self.run_folder),
            "OVS_LOGDIR": str(place.logs),
            "OVS_DBDIR": str(self._file.parent),
        }
        self.daemon = Daemon(
            place,
            "ovs-vswitchd",
            (
                *("ovs-vswitchd", f"unix:{self.socket}", f"--unixctl={self._control}"),
                "-vconsole:warn",
            ),
            ready=lambda: listening(self._control),
            env=self.env,
        )

    @property
    def remote(self) -> str:
        """The address of the switch's database."""
        return f"unix:{self.socket}"

    @property
    def datapath(self) -> datapath.Datapath:
        """The data path type of this cloud's bridges: "system" (kernel) or "netdev" (userspace)."""
        return datapath.choose(self.place)

    def vsctl(self, *words: str, timeout: int = 30) -> str:
        """Run ovs-vsctl on this switch; waits until the switch has done it. Raises HostError."""
        return run("ovs-vsctl", f"--db={self.remote}", f"--timeout={timeout}", *words)

    def appctl(self, *words: str) -> str:
        """Run ovs-appctl on the switch's daemon; its answer. Raises HostError."""
        return run("ovs-appctl", "-t", str(self._control), *words)

    def start_database(self) -> bool:
        """Start the database server unless it runs; true when it had to be started."""
        server = database(self.place, "ovsdb-switch", self._file, _SCHEMA, self.socket)
        upgrade(server, self._file, _SCHEMA)
        return server.start()

    def start(self) -> bool:
        """Start the switch itself unless it runs; true when it had to be started."""
        if self.daemon.running():
            if self.datapath == "netdev" and holder(_NETDEV) == self.daemon.pid():
                self._rename()  # whoever started the switch was killed before this
            return False
        if self.datapath == "system":
            self.daemon.start()
            self._settle()
            return True
        # The data path in userspace always makes a device called ovs-netdev, which nothing uses
        # but which keeps a second switch from starting. So it gets this cloud's name.
        with _one_at_a_time(self.place.run.parent):
            if _exists(_NETDEV):
                if (other := holder(_NETDEV)) is not None:
                    raise HostError(
                        f"another Open vSwitch in userspace (process {other}) runs on this machine"
                        f" and has the device {_NETDEV}, which cannot be shared; stop that one"
                        " (systemctl stop openvswitch-switch)"
                    )
                run("ip", "link", "delete", _NETDEV)  # left by a switch that was killed
            self._sweep()
            self.daemon.start()
            # The device appears with the first bridge, and again at each start.
            self.vsctl("--may-exist", "add-br", self._first, "--", *self._netdev(self._first))
            self._settle()
            self._rename()
        return True

    def _rename(self) -> None:
        run("ip", "link", "set", _NETDEV, "name", f"pn{self.place.tag}")

    def _settle(self) -> None:
        """Wait until a switch that just started has made the bridges that its database describes.

        ovs-vsctl waits for the switch only after a change, so here is one.
        """
        self.vsctl("set", "Open_vSwitch", ".", f"external-ids:pileus-started={time.time_ns()}")

    @property
    def _first(self) -> str:
        return f"pi{self.place.tag}"

    def _netdev(self, bridge: str) -> tuple[str, ...]:
        return ("set", "bridge", bridge, f"datapath_type={self.datapath}")

    def bridge(self, name: str) -> None:
        """Make the bridge `name`, whose flows come from a controller only or not at all."""
        self.vsctl(
            *("--may-exist", "add-br", name, "--", *self._netdev(name), "--"),
            *("set", "bridge", name, "other_config:disable-in-band=true"),
        )

    def stop(self) -> bool:
        """Stop both daemons; bridges vanish from the machine, their description stays.

        Ports of guests that go on running are found again at the next start.
        """
        if self.daemon.running():
            # Without the clean-up the kernel would go on forwarding.
            subprocess.run(
                ["ovs-appctl", "-t", str(self._control), "exit", "--cleanup"],
                check=False,
                capture_output=True,
                timeout=30,
                env={**os.environ, **self.env},
            )
        stopped = self.daemon.stop()
        self._sweep()
        server = Daemon(self.place, "ovsdb-switch", ())
        return server.stop() or stopped

    def _sweep(self) -> None:
        """Remove the devices of bridges that a killed switch in userspace left behind."""
        for kind in ("pi", "px", "pn", "pt", "pk"):
            name = f"{kind}{self.place.tag}"
            if Path(f"/sys/class/net/{name}/tun_flags").exists():
                run("ip", "link", "delete", name)
