"""A second host for a world that may die."""

from pileus.agent.guests import GuestHandler
from pileus.agent.moves import Moves
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.compute.host import register
from pileus.network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

from .agent import Agent
from .crash import World
from .servers import gone, remove, show

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
        guests = GuestHandler(self.driver, self.cable, self._moves)
        self._agent = Agent(self._world.app.db, SECOND, {"guest": guests})

    def act(self) -> bool:
        """The turn of its agent."""
        if not self.alive:
            return False
        self._world.app.db.run(lambda tx: register(tx, SECOND, self.driver.facts()))
        return self._agent.act()


def running(world: World, second: Second) -> list[str]:
    """Where guests run now, once for each."""
    found = {"host-1": world.machine.compute.observe(), SECOND: second.driver.observe()}
    return [host for host, guests in found.items() for one in guests if one.power == "running"]


def host_of(world: World, server_id: str) -> str | None:
    found: str | None = show(world, server_id)["OS-EXT-SRV-ATTR:host"]
    return found


def nowhere(world: World, second: Second, server_id: str) -> None:
    """Nothing of a deleted server is left on either host."""
    gone(world, server_id)
    assert second.driver.observe() == []
    assert not second.cable.plugged()


def remove_from_both(world: World, second: Second, server_id: str) -> None:
    remove(world, server_id)
    nowhere(world, second, server_id)
