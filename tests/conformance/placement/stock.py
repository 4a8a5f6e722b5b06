"""A running cloud whose placement can be filled and emptied."""

from typing import Any

import httpx
from cloud import Cloud

NEWEST = "1.39"
OPERATOR = ("admin", "service")


class Stock(Cloud):
    """The placement of the cloud at `base`."""

    def placement(
        self, method: str, path: str, body: Any = None, version: str = NEWEST
    ) -> httpx.Response:
        """Call placement as an operator. Raises for an error."""
        headers = {"OpenStack-API-Version": f"placement {version}"}
        headers["X-Auth-Token"] = self.token(OPERATOR, "admin")
        return self.call(method, f"/placement{path}", body, headers)

    def get(self, path: str) -> Any:
        """What placement answers to a GET."""
        return self.placement("GET", path).json()

    def empty(self) -> None:
        """Take all allocations, providers, custom traits and custom classes out of placement."""
        found = self.get("/resource_providers")["resource_providers"]
        for one in found:
            here = f"/resource_providers/{one['uuid']}/allocations"
            for consumer in self.get(here)["allocations"]:
                self.placement("DELETE", f"/allocations/{consumer}")
        while found:
            parents = {one["parent_provider_uuid"] for one in found}
            for one in [one for one in found if one["uuid"] not in parents]:
                self.placement("DELETE", f"/resource_providers/{one['uuid']}")
                found.remove(one)
        for name in self.get("/traits?name=startswith:CUSTOM_")["traits"]:
            self.placement("DELETE", f"/traits/{name}")
        for one in self.get("/resource_classes")["resource_classes"]:
            if one["name"].startswith("CUSTOM_"):
                self.placement("DELETE", f"/resource_classes/{one['name']}")
