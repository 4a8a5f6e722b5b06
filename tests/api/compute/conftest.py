"""The compute API as tests call it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.cloud import Client, Cloud

LATEST = "2.96"


class Compute:
    """The compute API of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        images = cloud.demo.get("/image/v2/images", params={"name": "pileus-tiny"}).json()
        self.image: str = images["images"][0]["id"]

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        client: Client | None = None,
        version: str = LATEST,
    ) -> httpx.Response:
        """One request by demo, or by `client`."""
        headers = {"OpenStack-API-Version": f"compute {version}"}
        url = f"/compute/v2.1{path}"
        who = client or self.cloud.demo
        if json is None:
            return who.request(method, url, headers=headers)
        return who.request(method, url, headers=headers, json=json)

    def ask(self, name: str = "one", **more: Any) -> httpx.Response:
        """The answer to a request for a server."""
        client, version = more.pop("client", None), more.pop("version", LATEST)
        wanted = {"name": name, "flavorRef": "42", "imageRef": self.image, "networks": "none"}
        return self.call("POST", "/servers", {"server": wanted | more}, client, version)

    def show(self, server_id: str, **more: Any) -> dict[str, Any]:
        """A server that is there."""
        answer = self.call("GET", f"/servers/{server_id}", **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["server"])

    def until(self, server_id: str, status: str, **more: Any) -> dict[str, Any]:
        """The server once it has this status and nothing is under way."""

        def found() -> dict[str, Any] | None:
            server = self.show(server_id, **more)
            task = server["OS-EXT-STS:task_state"]
            return server if server["status"] == status and task is None else None

        return dict(self.cloud.until(found, f"server {server_id} {status}"))

    def boot(self, name: str = "one", **more: Any) -> str:
        """The id of a new server that is active."""
        answer = self.ask(name, **more)
        assert answer.status_code == 202, answer.text
        server_id = str(answer.json()["server"]["id"])
        self.until(server_id, "ACTIVE", client=more.get("client"))
        return server_id

    def act(self, server_id: str, **action: Any) -> httpx.Response:
        """The answer to an action of demo's."""
        return self.call("POST", f"/servers/{server_id}/action", action)

    def remove(self, server_id: str, client: Client | None = None) -> None:
        """Delete a server and wait until it is gone."""
        assert self.call("DELETE", f"/servers/{server_id}", client=client).status_code == 204
        gone: Callable[[], bool] = lambda: (  # noqa: E731
            self.call("GET", f"/servers/{server_id}", client=client).status_code == 404
        )
        self.cloud.until(gone, f"server {server_id} gone")


@pytest.fixture
def compute(cloud: Cloud) -> Compute:
    return Compute(cloud)
