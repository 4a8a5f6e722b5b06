"""The one place where a control-plane process is put together."""

import threading
import time
from pathlib import Path

import sqlalchemy as sa
import yaml

from . import compute, identity, image, logs, migrations, network, placement
from .agent import Agent, Handler, LocalChannel
from .agent.guests import GuestHandler
from .agent.metadata import MetadataHandler
from .compute.driver import ComputeDriver
from .config import Config
from .console import Console
from .core import seed
from .core.audit import Finding, Invariant, audit
from .core.clock import Clock, RealClock
from .core.db import Database, Tx
from .core.engine import Engine
from .core.flow import FlowRow, by_name
from .core.ids import Ids
from .core.lease import Lease
from .core.loop import Loop
from .core.parts import Parts
from .core.policy import Policy
from .core.resource import schema
from .core.vault import Vault
from .first_image import first_image
from .machine import Machine, real, simulated
from .network.driver import HostNetwork, NetworkDriver
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
INVARIANTS: tuple[Invariant, ...] = tuple(i for p in _PACKAGES for i in p.INVARIANTS)
_PASSES = 3
_MEND = 5.0
_LOGS = 60.0
_PASS_PAUSE = 0.5


class App:
    """A control-plane process with its host's agent: everything, started and stopped together."""

    def __init__(self, config: Config, parts: Parts, machine: Machine) -> None:
        self.config, self.parts, self.machine = config, parts, machine
        self.db = parts[Database]
        self.started = time.time()
        flows = by_name(flow for package in _PACKAGES for flow in package.FLOWS)
        self.engine = Engine(self.db, flows, parts)
        self.loops: list[Loop] = [loop for p in _PACKAGES for loop in p.loops(parts)]
        self.loops.append(Loop("host daemons", _MEND, machine.mend))
        self.loops.append(Loop("logs", _LOGS, lambda: logs.bound(config.state / "log")))
        channel = LocalChannel(self.db, config.host, {"guest": compute.observed})
        guests = GuestHandler(machine.compute, machine.host_network)
        metadata = MetadataHandler(machine.host_network)
        handlers: dict[str, Handler] = {"guest": guests, "metadata": metadata}
        self.agent = Agent(channel, handlers, self.db.clock)
        dispatcher = Dispatcher(SERVICES, parts, parts[identity.Tokens].authenticate)
        self.console = Console(self, dispatcher)
        self.asgi = Application(dispatcher, self.console.answer, self.console.observe)

    def prepare(self) -> None:
        """Bring the database up to date and see that a first start's rows are there."""
        migrations.upgrade(self.db)
        self.db.run(self._first_rows)
        compute.host_report(self.parts)
        first_image(self.parts)

    def inherit(self) -> None:
        """Free what a killed process held: for the one process that its database has."""
        self.db.run(_free)

    def _first_rows(self, tx: Tx) -> None:
        # In one transaction, so that a process killed in between does not change the ids.
        seed.begin(tx, self.db.ids, self.config.seed)
        identity.first_start(tx, self.parts, SERVICES)
        network.first_start(tx, self.parts)
        compute.first_start(tx, self.parts)

    def start(self) -> None:
        """Start the threads that carry flows, mend drift and act on this host."""
        self.engine.start()
        for loop in self.loops:
            loop.start(self.db.clock)
        self.agent.start()

    def stop(self) -> None:
        """Stop them. Guests are left running; unfinished flows go on at the next start."""
        self.agent.stop()
        for loop in self.loops:
            loop.stop()
        self.engine.stop()

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
        """Violations of the invariants that last: what is merely under way is looked at again."""
        findings: list[Finding] = []
        for attempt in range(_PASSES):
            if attempt:
                threading.Event().wait(_PASS_PAUSE)
            again = self.db.read(lambda tx: audit(INVARIANTS, self.parts, tx))
            findings = again if not attempt else [f for f in findings if f in again]
            if not findings:
                break
        return findings

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
        image.clear(self.parts)


def build(config: Config, machine: Machine | None = None, clock: Clock | None = None) -> App:
    """Put a process together; nothing runs until `prepare` and `start`."""
    config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    vault = Vault.at(config.state / "vault.key")
    db = Database(config.database_url, clock or RealClock(), Ids(config.seed), vault)
    rules = [rule for service in SERVICES for rule in service.rules]
    parts = Parts(config, db, Policy(rules, _overrides(config.policy_file)))
    parts.add(identity.Tokens(db, config))
    parts.add(image.ImageStore(config.state / "images"))
    machine = machine or (simulated(config) if config.simulate else real(config))
    machine.upstairs.bind(parts)
    parts.add(machine.compute, ComputeDriver)
    parts.add(machine.network, NetworkDriver)
    parts.add(machine.host_network, HostNetwork)
    return App(config, parts, machine)


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
