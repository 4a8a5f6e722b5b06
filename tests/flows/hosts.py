"""A second host for a world that may die."""

from typing import Any

from pileus import compute
from pileus.agent import LocalChannel
from pileus.agent.guests import GuestHandler
from pileus.agent.moves import Moves
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.compute.host import register
from pileus.core import desired
from pileus.core.backend import Busy
from pileus.core.desired import Report
from pileus.network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

from .crash import World
from .servers import show

SECOND = "host-2"


class Second:
    """Another host of the same world, smaller than the first and so never its first choice."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.alive = True  # else nothing is heard of it, though its guests may run on
        upstairs = world.machine.upstairs
        self.driver = SimulatedCompute(SECOND, upstairs, vcpus=4, memory_mb=8192, disk_gb=100)
        network = world.machine.network
        assert isinstance(network, SimulatedNetwork)
        self.cable = SimulatedHostNetwork(SECOND, network, upstairs.metadata)
        self._moves = Moves(self.driver, lambda: "127.0.0.1", self.driver)
        self.live()

    def live(self) -> None:
        """A new process of its agent."""
        self._moves.close()
        self._moves = Moves(self.driver, lambda: "127.0.0.1", self.driver)
        self._handler = GuestHandler(self.driver, self.cable, self._moves)
        self._channel = LocalChannel(self._world.app.db, SECOND, {"guest": compute.observed})
        self._seen = 0

    def act(self) -> bool:
        """The turn of its agent."""
        if not self.alive:
            return False
        db = self._world.app.db
        db.run(lambda tx: register(tx, SECOND, self.driver.facts()))
        found = db.read(lambda tx: desired.since(tx, SECOND, self._seen))
        for wish in found:
            state: Any = None
            try:
                if wish.spec is None:
                    self._handler.remove(wish.id)
                else:
                    state = self._handler.apply(wish.id, db.vault.opened(wish.spec))
            except Busy:
                return True
            except Exception as problem:
                if wish.spec is None:
                    return True
                state = {"error": str(problem)}
            self._channel.report([Report(wish.kind, wish.id, wish.revision, state)])
            self._seen = max(self._seen, wish.revision)
        return bool(found)


def running(world: World, second: Second) -> list[str]:
    """Where guests run now, once for each."""
    found = {"host-1": world.machine.compute.observe(), SECOND: second.driver.observe()}
    return [host for host, guests in found.items() for one in guests if one.power == "running"]


def host_of(world: World, server_id: str) -> str | None:
    found: str | None = show(world, server_id)["OS-EXT-SRV-ATTR:host"]
    return found
