"""An OVN of the cloud's own on one machine: databases, northd and the local controller."""

from pathlib import Path

from pileus.host.chassis import LOOPBACK, Chassis, Tls
from pileus.host.command import run
from pileus.host.daemon import Daemon, listening
from pileus.host.datapath import Datapath
from pileus.host.ovs import database, upgrade
from pileus.host.place import HostError, Place
from pileus.host.provider import Provider

_SCHEMAS = Path("/usr/share/ovn")
# Which addresses the southbound database takes hosts at, and with what, is in the database itself.
_IN_ITSELF = "db:OVN_Southbound"
_FOR_HOSTS = (
    f"--remote={_IN_ITSELF},SB_Global,connections",
    f"--private-key={_IN_ITSELF},SSL,private_key",
    f"--certificate={_IN_ITSELF},SSL,certificate",
    f"--ca-cert={_IN_ITSELF},SSL,ca_cert",
)


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
        encap_ip: str = LOOPBACK,
    ) -> None:
        self.place = Place(state)
        self.hostname = hostname
        self.physical = physical
        self.chassis = Chassis(
            self.place,
            hostname,
            hostname,
            encap_ip,
            mappings=f"{physical}:{Provider.bridge_of(self.place)}",
        )
        self.switch = self.chassis.switch
        self.provider = Provider(self.switch, external)
        self._run = self.chassis.run_folder
        self._files = self.place.state / "ovn"
        control = self._run / "ovn-northd.ctl"
        self._northd = Daemon(
            self.place,
            "ovn-northd",
            (
                *("ovn-northd", f"--ovnnb-db={self.northbound}", f"--ovnsb-db={self.southbound}"),
                *(f"--unixctl={control}", "-vconsole:warn"),
            ),
            lambda: listening(control),
            self.chassis.env,
        )

    @property
    def northbound(self) -> str:
        """The address of the northbound database."""
        return f"unix:{self._run / 'nb.sock'}"

    @property
    def southbound(self) -> str:
        """The address of the southbound database."""
        return f"unix:{self._run / 'sb.sock'}"

    @property
    def integration(self) -> str:
        """The bridge into which guests' taps are plugged."""
        return self.chassis.integration

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
        started = [self._start_database("nb"), self._start_database("sb", *_FOR_HOSTS)]
        started.append(self.chassis.start_switch())
        self.chassis.follow(self.southbound)
        self.provider.start()
        started += [self._northd.start(), self.chassis.controller.start()]
        if any(started):
            self._wait_for_chassis()
        return any(started)

    def stop(self) -> None:
        """Stop all daemons; bridges, the gateway's address and the way out go away.

        The databases stay in `state`, so that the next start finds the network as it was.
        """
        self.chassis.controller.stop()
        self._northd.stop()
        self.provider.stop()
        self.chassis.stop()
        for name in ("ovsdb-sb", "ovsdb-nb"):
            Daemon(self.place, name, ()).stop()

    def uninstall(self) -> None:
        """Stop, and undo what was set on the machine itself."""
        self.stop()
        self.chassis.uninstall()
        self.provider.uninstall()

    def daemons(self) -> list[Daemon]:
        """All six daemons; the databases come first."""
        nb, sb = (Daemon(self.place, f"ovsdb-{name}", ()) for name in ("nb", "sb"))
        database, switch, controller = self.chassis.daemons()
        return [nb, sb, database, switch, self._northd, controller]

    def admit(self, address: str, port: int, tls: Tls) -> None:
        """Let hosts with a certificate of the authority in `tls` use the southbound database.

        Each may change there what OVN lets a controller change, and of hosts only itself: the one
        that its certificate names. Raises HostError.
        """
        files = [str(file) for file in (tls.key, tls.certificate, tls.authority)]
        shown = self.sbctl("get-ssl")
        if not all(file in shown for file in files):  # new contents it finds by itself
            self.sbctl("set-ssl", *files)
        target = f"pssl:{port}:{f'[{address}]' if ':' in address else address}"
        if self.sbctl("get-connection").split()[1:] != ['role="ovn-controller"', target]:
            self.sbctl("--inactivity-probe=30000", "set-connection", "role=ovn-controller", target)
        status = self.sbctl("--bare", "--columns=status", "list", "Connection")
        if f"bound_port={port}" in status.replace('"', ""):
            return
        try:
            self.sbctl("wait-until", "Connection", ".", f"status:bound_port={port}", timeout=10)
        except HostError:
            raise HostError(
                f"the southbound database cannot listen at {address} port {port}, which is the one"
                " after the agent port: free it, or choose another agent port"
            ) from None

    def hosts(self) -> set[str]:
        """The names by which OVN knows its hosts, this one among them. Raises HostError."""
        return set(self.sbctl("--bare", "--columns=name", "list", "Chassis").split())

    def forget_host(self, name: str) -> None:
        """Have OVN forget a host that is gone for good. Raises HostError."""
        self.sbctl("--if-exists", "chassis-del", name)

    def shut(self) -> None:
        """Let no host but this one use the southbound database. Raises HostError."""
        if self.sbctl("get-connection").strip():
            self.sbctl("del-connection", "--", "del-ssl")

    def _start_database(self, name: str, *options: str) -> bool:
        file, schema = self._files / f"{name}.db", _SCHEMAS / f"ovn-{name}.ovsschema"
        socket = self._run / f"{name}.sock"
        server = database(self.place, f"ovsdb-{name}", file, schema, socket, *options)
        upgrade(server, file, schema)
        return server.start()

    def _wait_for_chassis(self) -> None:
        self.nbctl("--wait=sb", "sync")
        # wait-until is ovs-vsctl's, and ovn-sbctl has it too: no polling.
        self.sbctl("wait-until", "Chassis", self.hostname, f'name="{self.hostname}"')
        state = self.chassis.connection()
        if state != "connected":
            log = self.chassis.controller.log
            raise HostError(f"ovn-controller is {state!r} to {self.southbound}; see {log}")
