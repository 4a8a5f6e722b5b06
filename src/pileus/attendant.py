"""One joined host in a process: its drivers, its handlers and its link, put together."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .agent import Identity, Link, Upstairs
from .agent.guests import GuestHandler
from .agent.metadata import MetadataHandler
from .agent.moves import Moves
from .agent.snapshots import SnapshotHandler
from .core.clock import Clock, RealClock
from .hosts import Timing
from .machine import HostMachine, simulated_host


def simulated_machine(identity: Identity, upstairs: Upstairs) -> HostMachine:
    """The drivers of a simulated host."""
    return simulated_host(
        identity.name,
        upstairs,
        identity.state / "simulated-guests.jsonl",
        dedicated_cpus=identity.dedicated_cpus,
        pci_device_spec=identity.pci_device_spec,
    )


class Attendant:
    """A host's agent with its drivers. One event loop and one pool may carry many of them."""

    def __init__(
        self,
        identity: Identity,
        pool: Executor,
        *,
        make: Callable[[Identity, Upstairs], HostMachine] = simulated_machine,
        images: Path | None = None,
        clock: Clock | None = None,
        timing: Timing | None = None,
        resync: float = 30.0,
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        """Call it on the event loop. `images`: where fetched images are kept; may be shared.

        make: makes the drivers; those of a simulated host by default. gate: as `Link` says.
        """
        self.upstairs = Upstairs(identity, images or identity.state / "images", timing)
        self.machine = make(identity, self.upstairs)
        self.moves = Moves(
            self.machine.moves, lambda: identity.tunnel_address, self.machine.hand_over
        )
        guests = GuestHandler(self.machine.compute, self.machine.host_network, self.moves)
        self.link = Link(
            identity,
            {
                "guest": guests,
                "metadata": MetadataHandler(self.machine.host_network),
                "snapshot": SnapshotHandler(self.machine.copies, self.upstairs),
            },
            self._facts,
            self.machine.compute.console_log,
            pool,
            clock or RealClock(),
            timing,
            resync,
            gate,
            self.machine.follow,
        )
        self.upstairs.bind(self.link)

    def _facts(self) -> Mapping[str, Any]:
        found = asdict(self.machine.compute.facts())
        return found | {"traits": list(found["traits"])}

    async def run(self) -> None:
        """Until cancelled; guests are left as they are. Raises Refusal as `Link.run` does."""
        try:
            await self.link.run()
        finally:
            self.moves.close()
