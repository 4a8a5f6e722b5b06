"""The one place where a control-plane process is put together."""

import contextlib
import os
import socket
import time
from pathlib import Path

import sqlalchemy as sa
import yaml

from . import compute, identity, image, logs, migrations, network, placement
from .agent import Agent, Handler, LocalChannel
from .agent.guests import GuestHandler
from .agent.metadata import MetadataHandler
from .agent.moves import Moves
from .agent.snapshots import SnapshotHandler
from .compute.driver import ComputeDriver
from .config import Config
from .console import Console
from .core import integrity, root_key, seed
from .core.audit import Finding, Invariant
from .core.auditor import Auditor
from .core.backend import Broken
from .core.census import Census, Place
from .core.clock import Clock, RealClock
from .core.clockwatch import ClockWatch
from .core.db import Database, Tx
from .core.engine import Engine
from .core.errors import NoWrites
from .core.flow import FlowRow, by_name
from .core.herald import Herald
from .core.ids import Ids
from .core.lease import Lease
from .core.loop import Loop
from .core.parts import Parts
from .core.policy import Policy
from .core.presence import Presence
from .core.resource import schema
from .core.tidy import outcome_loop
from .core.vault import Vault
from .first_image import first_image
from .fleet import Fleet
from .hosts import Listener, Timing
from .hosts.listener import parse
from .machine import Machine, real, simulated
from .network.driver import HostNetwork, NetworkDriver
from .network.drivers.simulated import SimulatedNetwork
from .pidfile import process_id
from .reception import Reception
from .southbound import SouthboundDoor
from .version import VERSION
from .wire.asgi import Application
from .wire.dispatch import Dispatcher
from .wire.service import Service

__all__ = ["App", "build", "schema"]

SERVICES: tuple[Service, ...] = (
    identity.SERVICE,
    image.SERVICE,
    placement.SERVICE,
    network.SERVICE,
    compute.SERVICE,
)
_PACKAGES = (identity, image, placement, network, compute)
INVARIANTS: tuple[Invariant, ...] = (
    *integrity.INVARIANTS,
    *(i for p in _PACKAGES for i in p.INVARIANTS),
)
_MEND = 5.0
_LOGS = 60.0
_CONTRACT = 10.0


class App:
    """A control-plane process with its host's agent: everything, started and stopped together."""

    def __init__(
        self, config: Config, parts: Parts, machine: Machine, timing: Timing | None = None
    ) -> None:
        self.config, self.parts, self.machine = config, parts, machine
        self.db = parts[Database]
        self.started = time.time()
        flows = by_name(flow for package in _PACKAGES for flow in package.FLOWS)
        self.engine = Engine(self.db, flows, parts)
        self.loops: list[Loop] = [loop for p in _PACKAGES for loop in p.loops(parts)]
        self.loops.append(Loop("host daemons", _MEND, machine.mend))
        self._herald = None if self.db.sqlite else Herald(self.db)
        self._presence = None if self.db.sqlite else Presence(self.db)
        if self._presence is not None:
            self.loops += [self._presence.loop(), outcome_loop(self.db)]
        self.loops.append(Loop("logs", _LOGS, lambda: logs.bound(config.state / "log")))
        self._waiting: list[str] = []  # contract migrations, for older processes to end
        self.census = Census(self.db, _place(config))
        self.loops.append(self.census.loop())
        self.clock_watch = ClockWatch(self.db, compute.hosts_moved)
        self.loops.append(self.clock_watch.loop())
        self.loops.append(Loop("migrations", _CONTRACT, self._contract))
        self.auditor = Auditor(INVARIANTS, parts)
        self.loops.append(self.auditor.loop(config.audit_minutes * 60))
        channel = LocalChannel(self.db, config.host, {"guest": compute.observed})
        self.moves = Moves(machine.moves, lambda: _reachable(config), machine.hand_over)
        guests = GuestHandler(machine.compute, machine.host_network, self.moves)
        metadata = MetadataHandler(machine.host_network)
        snapshots = SnapshotHandler(machine.copies, machine.upstairs)
        handlers: dict[str, Handler] = {
            "guest": guests,
            "metadata": metadata,
            "snapshot": snapshots,
        }
        self.agent = Agent(channel, handlers, self.db.clock)
        self.listener: Listener | None = None
        if config.agent_listen:
            reception, scratch = Reception(parts), config.state / "agent-port"
            self.listener = Listener(self.db, reception, config.agent_listen, scratch, timing)
            parts.add(self.listener)
        data_plane = machine.network
        if isinstance(data_plane, SimulatedNetwork):
            # OVN tells every process of its ports; here the reports of other processes' hosts do.
            if config.database:
                self.db.listen("reported", lambda _host: data_plane.look())
            if config.agent_listen:
                self.loops.append(Fleet(self.db, data_plane, config.host).loop())
        if config.agent_listen and machine.fabric is not None:
            address, port = config.southbound_listen
            door = SouthboundDoor(self.db, machine.fabric, address, port, config.state / "ovn")
            self.loops.append(door.loop())
        dispatcher = Dispatcher(SERVICES, parts, parts[identity.Tokens].authenticate)
        self.console = Console(self, dispatcher)
        self.asgi = Application(dispatcher, self.console.answer, self.console.observe)

    def prepare(self) -> None:
        """Bring the database up to date and see that a first start's rows are there."""
        self._waiting = migrations.upgrade(self.db, self.census.place)
        with self.db.alone("first start"):
            self.db.run(self._first_rows)
            first_image(self.parts)
        compute.host_report(self.parts)

    def _contract(self) -> None:
        """Apply what had to wait, once no older process is alive."""
        if self._waiting:
            self._waiting = migrations.upgrade(self.db)

    def inherit(self) -> None:
        """Free what an earlier process of this state directory held when it was killed."""
        if self._presence is not None:
            self._presence.begin()
        else:
            self.db.run(_free)

    def _first_rows(self, tx: Tx) -> None:
        # In one transaction, so that a process killed in between does not change the ids.
        root_key.check(tx)
        seed.begin(tx, self.db.ids, self.config.seed)
        identity.first_start(tx, self.parts, SERVICES)
        image.first_start(tx, self.parts)
        network.first_start(tx, self.parts)
        compute.first_start(tx, self.parts)

    def start(self) -> None:
        """Start the threads that carry flows, mend drift and act on this host."""
        if self._herald is not None:
            self._herald.start()
        self.engine.start()
        for loop in self.loops:
            loop.start(self.db.clock)
        if self.config.host:
            self.agent.start()
        if self.listener is not None:
            self.listener.start()
        elif self.machine.fabric is not None:
            self.machine.fabric.shut()

    def stop(self) -> None:
        """Stop them. Guests are left running; unfinished flows go on at the next start."""
        if self.listener is not None:
            self.listener.stop()
        if self.config.host:
            self.agent.stop()
        self.moves.close()
        for loop in self.loops:
            loop.stop()
        self.engine.stop()
        with contextlib.suppress(NoWrites):
            self.census.leave()
        if self._herald is not None:
            self._herald.stop()
        if self._presence is not None:
            self._presence.leave()

    def close(self) -> None:
        """Close the database."""
        self.parts[identity.Tokens].close()
        self.db.close()

    def let_go(self) -> None:
        """Close the database and the drivers' connections: the last thing that a process does."""
        self.close()
        self.machine.network.close()
        self.machine.host_network.close()

    def audit(self) -> list[Finding]:
        """Violations of the invariants that last. Raises Broken when not all could be looked at."""
        report = self.auditor.look()
        if report.blind:
            raise Broken("\n".join(report.blind))
        return list(report.findings)

    def wipe(self) -> None:
        """Remove every guest, port and row: what `pileus reset` does before a new first start."""
        for guest in self.machine.compute.observe():
            self.machine.compute.remove(guest.id)
        for port, tap in self.machine.host_network.plugged().items():
            self.machine.host_network.unplug(port, tap)
        for net in self.machine.host_network.metadata_networks():
            self.machine.host_network.drop_metadata(net)
        network.clear(self.machine.network)

        def rows(tx: Tx) -> None:
            for table in reversed(schema.sorted_tables):
                tx.execute(sa.delete(table))

        self.db.run(rows)
        self.parts[placement.Index].changed()
        image.clear(self.parts)


def build(
    config: Config,
    machine: Machine | None = None,
    clock: Clock | None = None,
    timing: Timing | None = None,
) -> App:
    """Put a process together; nothing runs until `prepare` and `start`."""
    config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    vault = Vault.at(config.shared / "vault.key")
    # Where several processes share a database, each keeps its name from one start to the next.
    owner = process_id(config.state) if config.database else ""
    db = Database(config.database_url, clock or RealClock(), Ids(config.seed), vault, owner)
    rules = [rule for service in SERVICES for rule in service.rules]
    parts = Parts(config, db, Policy(rules, _overrides(config.policy_file)))
    tokens = identity.Tokens(db, config)
    parts.add(tokens)
    parts.add(tokens.credential_keys)
    parts.add(identity.Providers(config, db.clock))
    parts.add(identity.Keypair(config.shared / "saml.pem", db.clock))
    index = placement.Index(db)
    parts.add(index)
    parts.add(compute.Scheduler(index, compute.read_settings(config.scheduler_file)))
    image.furnish(parts, config.shared / "images", image.read_settings(config.image_file))
    machine = machine or (simulated(config) if config.simulate else real(config))
    machine.upstairs.bind(parts)
    parts.add(machine.compute, ComputeDriver)
    parts.add(machine.network, NetworkDriver)
    parts.add(compute.GuestPorts(), network.Guests)
    parts.add(machine.host_network, HostNetwork)
    return App(config, parts, machine, timing)


def _place(config: Config) -> Place:
    head = migrations.chain()[-1].id
    return Place(socket.gethostname(), str(config.state), os.getpid(), VERSION, head)


def _reachable(config: Config) -> str:
    """Where other hosts reach this one: at its tunnel's end, else where its agent port is."""
    if config.tunnel_address:
        return config.tunnel_address
    return parse(config.agent_listen)[0] if config.agent_listen else "127.0.0.1"


def _free(tx: Tx) -> None:
    tx.set(Lease, Lease.expires_at > tx.now, expires_at=tx.now)
    tx.set(FlowRow, FlowRow.lease_until.is_not(None), lease_until=None)


def _overrides(path: Path | None) -> dict[str, str]:
    if path is None or not path.exists():
        return {}
    found = yaml.safe_load(path.read_text()) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{path}: a policy file is a map from rule names to expressions")
    return {str(k): str(v) for k, v in found.items()}
