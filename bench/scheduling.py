"""How many servers a second find their host among 1,000 and 10,000, over HTTP.

    python bench/scheduling.py [HOSTS …]

The hosts are rows without agents, so a server stays in BUILD: what is measured is the request that
chooses its host and claims everything for it. Client, server and database are on the same cores.
"""

import time
from datetime import timedelta

from api import Cloud, Servers, line
from placement import at_once, median
from stands import counts, stands

from pileus.compute.driver import HostFacts
from pileus.compute.host import register
from pileus.core.db import Database, Tx, chunks

ROUNDS = 300
_SERVICES = "/compute/v2.1/os-services"


def hosts(db: Database, numbers: range) -> None:
    """Hosts with these numbers, which have just been heard of and will be for an hour."""

    def work(tx: Tx, some: list[int]) -> None:
        for number in some:
            name = f"bench-{number:05d}"
            facts = HostFacts(name, "simulated", 1, "simulated", "x86_64", 64, 262_144, 2000)
            host = register(tx, name, facts)
            tx.change(host, last_seen=tx.now + timedelta(hours=1))

    for some in chunks(numbers, 500):
        db.run(lambda tx, some=some: work(tx, some))


class Requests:
    """Asks for servers without a network, one after another."""

    def __init__(self, cloud: Cloud) -> None:
        known = Servers(cloud)
        self._cloud = cloud
        self._server = {"flavorRef": known.flavor, "imageRef": known.image, "networks": "none"}

    def __call__(self) -> None:
        """Ask for one."""
        body = {"server": {"name": "bench", **self._server}}
        status, found, _ = self._cloud.ask("POST", "/compute/v2.1/servers", body)
        assert status == 202, found


def only_rows(cloud: Cloud) -> None:
    """Let the control plane's own host, which has more room than all others, take no server."""
    for one in cloud.ask("GET", _SERVICES)[1]["services"]:
        if one["binary"] == "nova-compute":
            cloud.ask("PUT", f"{_SERVICES}/{one['id']}", {"status": "disabled"})
    project = cloud.ask("GET", "/identity/v3/projects?name=admin")[1]["projects"][0]["id"]
    quota = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
    assert cloud.ask("PUT", f"/compute/v2.1/os-quota-sets/{project}", quota)[0] == 200


def measure(cloud: Cloud) -> None:
    """Servers a second, by one client and by ten."""
    one = Requests(cloud)
    one()
    ran, begun = cloud.cpu(), time.perf_counter()
    taken = median(one, ROUNDS)
    ran = (cloud.cpu() - ran) / ROUNDS * 1000
    rate = ROUNDS / (time.perf_counter() - begun)
    line("  one after another", f"{rate:.0f}/s", f"median {taken * 1000:.1f} ms, CPU {ran:.1f} ms")
    rate, failed = at_once(one, 10, 2 * ROUNDS)
    line("  10 at once", f"{rate:.0f}/s", f"{failed} failed")


def main() -> None:
    """Measure each number of hosts on both databases."""
    for stand in stands():
        only_rows(stand.cloud)
        for count in stand.grown(counts(), hosts):
            print(f"{count} hosts, {stand.name}", flush=True)
            measure(stand.cloud)


if __name__ == "__main__":
    main()
