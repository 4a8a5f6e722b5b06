"""An OVN of the cloud's own on one machine: databases, northd and the local controller."""

import os
from pathlib import Path

from pileus.host.command import run
from pileus.host.daemon import Daemon, listening
from pileus.host.datapath import Datapath
from pileus.host.ovs import OpenVSwitch, database, upgrade
from pileus.host.place import HostError, Place
from pileus.host.provider import Provider

_SCHEMAS = Path("/usr/share/ovn")


class Ovn:
    """Open vSwitch and OVN of the cloud in `state`. Needs root.

    `hostname` is this machine's name as a chassis. `external` is the gateway's address and prefix
    on the external network, which the logical switches know as the physical network `physical`.
    `encap_ip` is the address at which other hosts reach this one's tunnels.
    """

    def __init__(
        self,
        state: Path,
        hostname: str,
        external: str = "172.24.4.1/24",
        *,
        physical: str = "public",
        encap_ip: str = "127.0.0.1",
    ) -> None:
        self.place = Place(state)
        self.hostname = hostname
        self.physical = physical
        self.encap_ip = encap_ip
        self.switch = OpenVSwitch(self.place)
        self.provider = Provider(self.switch, external)
        self._run = self.place.run / "ovn"
        self._files = self.place.state / "ovn"
        self.env = {
            **self.switch.env,
            "OVN_RUNDIR": str(self._run),
            "OVN_LOGDIR": str(self.place.logs),
            "OVN_DBDIR": str(self._files),
        }
        control = self._run / "ovn-northd.ctl"
        self._northd = Daemon(
            self.place,
            "ovn-northd",
            (
                *("ovn-northd", f"--ovnnb-db={self.northbound}", f"--ovnsb-db={self.southbound}"),
                *(f"--unixctl={control}", "-vconsole:warn"),
            ),
            lambda: listening(control),
            self.env,
        )
        self._controller = Daemon(
            self.place,
            "ovn-controller",
            ("ovn-controller", self.switch.remote, "-vconsole:warn"),
            lambda: listening(self._controller_socket()),
            self.env,
        )

    def _controller_socket(self) -> Path:
        # This one daemon takes no path for it.
        return self._run / f"ovn-controller.{self._controller.pid()}.ctl"

    @property
    def northbound(self) -> str:
        """The address of the northbound database."""
        return f"unix:{self._run / 'nb.sock'}"

    @property
    def southbound(self) -> str:
        """The address of the southbound database."""
        return f"unix:{self._run / 'sb.sock'}"

    @property
    def switch_remote(self) -> str:
        """The address of the switch's database."""
        return self.switch.remote

    @property
    def integration(self) -> str:
        """The bridge into which guests' taps are plugged."""
        return f"pi{self.place.tag}"

    @property
    def datapath(self) -> Datapath:
        """ "system" (the kernel's) or "netdev" (userspace: transmit offloads must be off)."""
        return self.switch.datapath

    def nbctl(self, *words: str, timeout: int = 30) -> str:
        """Run ovn-nbctl on this cloud's northbound database. Raises HostError."""
        return run("ovn-nbctl", f"--db={self.northbound}", f"--timeout={timeout}", *words)

    def sbctl(self, *words: str, timeout: int = 30) -> str:
        """Run ovn-sbctl on this cloud's southbound database. Raises HostError."""
        return run("ovn-sbctl", f"--db={self.southbound}", f"--timeout={timeout}", *words)

    def status(self) -> dict[str, bool]:
        """Each daemon of the network → whether it runs."""
        return {daemon.name: daemon.running() for daemon in self.daemons()}

    def running(self) -> bool:
        """Whether all of them run."""
        return all(self.status().values())

    def start(self) -> bool:
        """Start what does not run and mend what is not as it should be; true if any was started.

        When it returns, this machine is registered as a chassis and follows the databases.
        Raises HostError.
        """
        self._run.mkdir(parents=True, exist_ok=True)
        self.switch.run_folder.mkdir(parents=True, exist_ok=True)
        started = [self._start_database("nb"), self._start_database("sb")]
        started.append(self.switch.start_database())
        settings = {
            "system-id": self.hostname,
            "hostname": self.hostname,
            "ovn-remote": self.southbound,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": self.encap_ip,
            "ovn-bridge": self.integration,
            "ovn-bridge-datapath-type": self.datapath,
            "ovn-bridge-mappings": f"{self.physical}:{self.provider.name}",
        }
        words = [f'external-ids:{key}="{value}"' for key, value in settings.items()]
        self.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".", *words)
        started.append(self.switch.start())
        self.switch.bridge(self.integration)
        self.switch.vsctl("set", "bridge", self.integration, "fail_mode=secure")
        self.provider.start()
        started += [self._northd.start(), self._controller.start()]
        if any(started):
            self._wait_for_chassis()
        return any(started)

    def stop(self) -> None:
        """Stop all daemons; bridges, the gateway's address and the way out go away.

        The databases stay in `state`, so that the next start finds the network as it was.
        """
        self._controller.stop()
        self._northd.stop()
        self.provider.stop()
        self.switch.stop()
        for name in ("ovsdb-sb", "ovsdb-nb"):
            Daemon(self.place, name, ()).stop()

    def uninstall(self) -> None:
        """Stop, and undo what was set on the machine itself."""
        self.stop()
        self.provider.uninstall()

    def daemons(self) -> list[Daemon]:
        """All six daemons; the databases come first."""
        servers = [Daemon(self.place, f"ovsdb-{name}", ()) for name in ("nb", "sb", "switch")]
        return [*servers, self.switch.daemon, self._northd, self._controller]

    def _start_database(self, name: str) -> bool:
        file, schema = self._files / f"{name}.db", _SCHEMAS / f"ovn-{name}.ovsschema"
        server = database(self.place, f"ovsdb-{name}", file, schema, self._run / f"{name}.sock")
        upgrade(server, file, schema)
        return server.start()

    def _wait_for_chassis(self) -> None:
        self.nbctl("--wait=sb", "sync")
        # wait-until is ovs-vsctl's, and ovn-sbctl has it too: no polling.
        self.sbctl("wait-until", "Chassis", self.hostname, f'name="{self.hostname}"')
        control = str(self._controller_socket())
        state = run(
            *("ovn-appctl", "-t", control, "connection-status"), env={**os.environ, **self.env}
        )
        if state.strip() != "connected":
            raise HostError(
                f"ovn-controller is {state.strip()!r} to {self.southbound};"
                f" see {self._controller.log}"
            )
