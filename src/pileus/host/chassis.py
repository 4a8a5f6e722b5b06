"""This machine as one of OVN's hosts: its switch and the controller that fills it."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pileus.host.command import run
from pileus.host.daemon import Daemon, listening
from pileus.host.ovs import OpenVSwitch
from pileus.host.place import Place
from pileus.host.tunnel import Tunnel

_FAREWELL = 5.0  # seconds; it takes far less while the database can be reached
LOOPBACK = "127.0.0.1"  # a tunnel end that nobody reaches


@dataclass(frozen=True)
class Tls:
    """Files in PEM with which to reach a database over TLS."""

    key: Path
    certificate: Path
    authority: Path


class Chassis:
    """Open vSwitch and ovn-controller of the host in `place`. Needs root.

    `name` is what OVN knows the host by, for ever; `hostname` is what people call it. `encap_ip` is
    the address at which other hosts reach this one's tunnels; a loopback address: there are none.
    `mappings` are the provider networks that it bridges, as OVN writes them. `tls` is for a
    southbound database on another machine.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        hostname: str,
        encap_ip: str,
        *,
        mappings: str = "",
        tls: Tls | None = None,
    ) -> None:
        self.place, self.name, self.hostname = place, name, hostname
        self.encap_ip, self._mappings, self._tls = encap_ip, mappings, tls
        self.switch = OpenVSwitch(place)
        self.tunnel = Tunnel(self.switch, encap_ip)
        self.run_folder = place.run / "ovn"
        self.env = {
            **self.switch.env,
            "OVN_RUNDIR": str(self.run_folder),
            "OVN_LOGDIR": str(place.logs),
            "OVN_DBDIR": str(place.state / "ovn"),
        }
        self.controller = Daemon(
            place,
            "ovn-controller",
            ("ovn-controller", self.switch.remote, "-vconsole:warn"),
            lambda: listening(self._control()),
            self.env,
        )

    def _control(self) -> Path:
        # This one daemon takes no path for it.
        return self.run_folder / f"ovn-controller.{self.controller.pid()}.ctl"

    @property
    def integration(self) -> str:
        """The bridge into which guests' taps are plugged."""
        return f"pi{self.place.tag}"

    def daemons(self) -> list[Daemon]:
        """All three; the database comes first."""
        database = Daemon(self.place, "ovsdb-switch", ())
        return [database, self.switch.daemon, self.controller]

    def running(self) -> bool:
        """Whether all of them run."""
        return all(daemon.running() for daemon in self.daemons())

    def start_switch(self) -> bool:
        """Start the switch and its database unless they run; true if any was started."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        self.switch.run_folder.mkdir(parents=True, exist_ok=True)
        started = [self.switch.start_database()]
        settings = {
            "system-id": self.name,
            "hostname": self.hostname,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": self.encap_ip,
            "ovn-bridge": self.integration,
            "ovn-bridge-datapath-type": self.switch.datapath,
            "ovn-bridge-mappings": self._mappings,
        }
        self._set(settings)
        if self._tls is not None:
            files = self._tls.key, self._tls.certificate, self._tls.authority
            self.switch.vsctl("--no-wait", "set-ssl", *map(str, files))
        started.append(self.switch.start())
        self.switch.bridge(self.integration)
        self.switch.vsctl("set", "bridge", self.integration, "fail_mode=secure")
        self.tunnel.start()
        return any(started)

    def follow(self, southbound: str) -> None:
        """Take the cloud's network from this southbound database, now and after restarts."""
        self._set({"ovn-remote": southbound})

    def _set(self, settings: dict[str, str]) -> None:
        words = [f'external-ids:{key}="{value}"' for key, value in settings.items()]
        self.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".", *words)

    def start(self) -> bool:
        """Start what does not run; true if any was started. Raises HostError."""
        return any([self.start_switch(), self.controller.start()])

    def connection(self) -> str:
        """How the controller stands with the southbound database: "connected", or what else."""
        words = ("ovn-appctl", "-t", str(self._control()), "connection-status")
        return run(*words, env={**os.environ, **self.env}).strip()

    def stop(self) -> None:
        """Stop all daemons; bridges go away, their description stays."""
        self.controller.stop()
        self.tunnel.stop()
        self.switch.stop()

    def uninstall(self) -> None:
        """Stop, have OVN forget this host, and undo what was set on the machine itself."""
        if self.controller.running():
            # Told so, and not just killed, the controller takes its host out of the database.
            words = ["ovn-appctl", "-t", str(self._control()), "exit"]
            subprocess.run(words, check=False, capture_output=True, timeout=30)
            deadline = time.monotonic() + _FAREWELL
            while self.controller.running() and time.monotonic() < deadline:
                time.sleep(0.05)
        self.stop()
        self.tunnel.uninstall()
