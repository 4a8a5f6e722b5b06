"""Short ways to make networks in a simulated cloud."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Client, Cloud


class Net:
    """One client's network API."""

    def __init__(self, client: Client) -> None:
        self.client, self.project_id = client, client.project_id

    def call(self, method: str, path: str, status: int, body: Any = None, **options: Any) -> Any:
        answer = self.client.request(method, f"/network/v2.0/{path}", json=body, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.call("GET", path, status, params=params)

    def make(self, noun: str, status: int = 201, **values: Any) -> Any:
        """The new thing, or with an error status the error."""
        path = (noun + "s").replace("_", "-")
        found = self.call("POST", path, status, {noun: values})
        return found[noun] if status == 201 else found["NeutronError"]

    def put(self, noun: str, key: str, status: int = 200, **values: Any) -> Any:
        path = f"{(noun + 's').replace('_', '-')}/{key}"
        found = self.call("PUT", path, status, {noun: values})
        return found[noun] if status == 200 else found["NeutronError"]

    def drop(self, noun: str, key: str, status: int = 204) -> Any:
        path = f"{(noun + 's').replace('_', '-')}/{key}"
        found = self.call("DELETE", path, status)
        return found["NeutronError"] if found else None

    def network(self, cidr: str = "", **subnet: Any) -> tuple[str, str]:
        """The ids of a new network and of its subnet ("" where no CIDR is given)."""
        network = self.make("network", name="n")["id"]
        if not cidr:
            return network, ""
        version = 6 if ":" in cidr else 4
        made = self.make("subnet", network_id=network, cidr=cidr, ip_version=version, **subnet)
        return network, made["id"]

    def port(self, network: str, status: int = 201, **values: Any) -> Any:
        return self.make("port", status, network_id=network, **values)

    def join(self, router: str, subnet: str, status: int = 200) -> Any:
        return self.call(
            "PUT", f"routers/{router}/add_router_interface", status, {"subnet_id": subnet}
        )

    def part(self, router: str, subnet: str, status: int = 200) -> Any:
        path = f"routers/{router}/remove_router_interface"
        return self.call("PUT", path, status, {"subnet_id": subnet})


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[Cloud]:
    """One cloud for all tests of the network: each has projects of its own."""
    made = Cloud(tmp_path_factory.mktemp("network") / Path("state"), database=new_database())
    yield made
    made.close()


_NUMBERS = count(1)


@pytest.fixture
def member(running: Cloud) -> Callable[[], Net]:
    """Makes a member of a new project."""
    return lambda: Net(running.new_member(f"net-{next(_NUMBERS)}"))


@pytest.fixture
def net(member: Callable[[], Net]) -> Net:
    return member()


@pytest.fixture
def admin(running: Cloud) -> Net:
    return Net(running.admin)


@pytest.fixture
def public(admin: Net) -> str:
    """The external network that a first start leaves."""
    return str(admin.get("networks", name="public")["networks"][0]["id"])
