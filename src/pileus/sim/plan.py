"""What a simulated fleet is to be."""

import msgspec

from ..hosts import fleet_host


class Plan(msgspec.Struct, frozen=True):
    """All that a process of the fleet needs to know; it is handed over as JSON."""

    server: str  # ADDRESS:PORT of the agent port
    folder: str  # a folder a host in it, kept over restarts
    name: str  # with which the hosts' names begin
    hosts: int
    processes: int = 1
    process: int = 0  # which of them this is, from 0
    token: str = ""  # of a fleet; needed by hosts that have not joined yet
    fail: float = 0.0  # the share of calls of drivers that fail
    delay: float = 0.0  # seconds that a driver's call takes, in the mean
    churn: float = 0.0  # the share of hosts that hang up in a minute
    away: float = 10.0  # seconds, at most, until such a host is back
    resync: float = 30.0  # seconds between looks at a whole host
    seed: int = 1
    vcpus: int = 64
    memory_gb: int = 256

    def share(self) -> list[str]:
        """The names of this process's hosts."""
        numbers = range(self.process, self.hosts, self.processes)
        return [fleet_host(self.name, number) for number in numbers]
