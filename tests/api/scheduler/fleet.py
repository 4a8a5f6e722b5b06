"""A cloud of hosts that nobody runs: servers are placed there, and that is all."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from pileus.compute import Scheduler
from pileus.compute.driver import HostFacts
from pileus.compute.host import ComputeHost, host_id, register
from pileus.compute.scheduler import Settings, read_settings
from pileus.compute.server import Server
from pileus.core.db import Tx
from pileus.core.flow import FlowRow
from tests.cloud import Client, Cloud

LATEST = "2.96"
OWN = "host-1"  # the cloud's own host, which is disabled


class Fleet:
    """Its hosts, aggregates, flavors, images and servers, by names."""

    def __init__(self, state: Path, database: str) -> None:
        self.cloud = Cloud(state, start=False, database=database)
        self.state = state
        images = self.cloud.demo.get("/image/v2/images", params={"name": "pileus-tiny"}).json()
        self.tiny: str = images["images"][0]["id"]
        self._change(OWN, disabled=True)
        for client in (self.cloud.demo, self.cloud.admin):
            quota = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
            self.call("PUT", f"/os-quota-sets/{client.project_id}", quota)

    def close(self) -> None:
        self.cloud.close()

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        client: Client | None = None,
        version: str = LATEST,
    ) -> httpx.Response:
        """A request to the compute API, by the admin unless said otherwise."""
        headers = {"OpenStack-API-Version": f"compute {version}"}
        who = client or self.cloud.admin
        return who.request(method, f"/compute/v2.1{path}", json=json, headers=headers)

    def host(self, name: str, **facts: Any) -> str:
        """A host, of 8 processors and 16 GB unless said otherwise."""
        own = self.cloud.machine.compute.facts()
        size: dict[str, Any] = {"vcpus": 8, "memory_mb": 16384, "disk_gb": 500, "cells": ()} | facts
        found: HostFacts = replace(own, hostname=name, **size)
        self.cloud.app.db.run(lambda tx: register(tx, name, found))
        return name

    def hosts(self, *names: str) -> None:
        """Hosts alike, but for their memory: the first has most, and is chosen first."""
        for number, name in enumerate(names):
            self.host(name, memory_mb=16384 - 1024 * number)

    def _change(self, name: str, **values: Any) -> None:
        def work(tx: Tx) -> None:
            host = tx.get(ComputeHost, host_id(name))
            assert host is not None
            tx.change(host, **values)

        self.cloud.app.db.run(work)

    def change(self, name: str, **values: Any) -> None:
        """Change a host's row."""
        self._change(name, **values)

    def settings(self, **values: Any) -> None:
        """Let the scheduler have these settings, from a file as an operator writes it."""
        file = self.state / "scheduler.yaml"
        file.write_text(yaml.safe_dump(values))
        scheduler = self.cloud.parts[Scheduler]
        scheduler.settings = read_settings(file)
        assert {field.name for field in fields(Settings)} >= values.keys()

    def aggregate(self, name: str, *hosts: str, **metadata: str) -> int:
        """An aggregate of these hosts. In a key, __ stands for a colon."""
        made = self.call("POST", "/os-aggregates", {"aggregate": {"name": name}})
        number = int(made.json()["aggregate"]["id"])
        for host in hosts:
            self.act_on(number, add_host={"host": host})
        if metadata:
            given = {key.replace("__", ":"): value for key, value in metadata.items()}
            self.act_on(number, set_metadata={"metadata": given})
        return number

    def act_on(self, number: int, **action: Any) -> None:
        answer = self.call("POST", f"/os-aggregates/{number}/action", action)
        assert answer.status_code == 200, answer.text

    def flavor(self, name: str, specs: dict[str, str] | None = None, **size: int) -> str:
        """The id of a flavor with these extra specs."""
        wanted = {"id": name, "name": name, "vcpus": 1, "ram": 512, "disk": 1} | size
        made = self.call("POST", "/flavors", {"flavor": wanted})
        assert made.status_code == 200, made.text
        if specs:
            answer = self.specs(name, specs)
            assert answer.status_code == 200, answer.text
        return name

    def specs(self, flavor: str, specs: dict[str, str], version: str = LATEST) -> httpx.Response:
        """The answer to a wish for extra specs."""
        path = f"/flavors/{flavor}/os-extra_specs"
        return self.call("POST", path, {"extra_specs": specs}, version=version)

    def image(self, **properties: str) -> str:
        """The id of an image with these properties. In a key, __ stands for a colon."""
        given = {key.replace("__", ":"): value for key, value in properties.items()}
        body = {"name": "i", "disk_format": "raw", "container_format": "bare"} | given
        made = self.cloud.demo.post("/image/v2/images", json=body)
        assert made.status_code == 201, made.text
        image_id = str(made.json()["id"])
        put = self.cloud.demo.put(
            f"/image/v2/images/{image_id}/file",
            content=b"0" * 512,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert put.status_code == 204, put.text
        return image_id

    def ask(self, flavor: str = "42", hints: Any = None, **more: Any) -> httpx.Response:
        """The answer to a request for a server, by demo unless said otherwise."""
        client = more.pop("client", self.cloud.demo)
        wanted = {"name": "s", "flavorRef": flavor, "imageRef": self.tiny, "networks": "none"}
        body: dict[str, Any] = {"server": wanted | more}
        if hints:
            body["os:scheduler_hints"] = hints
        return self.call("POST", "/servers", body, client)

    def boot(self, flavor: str = "42", hints: Any = None, **more: Any) -> str:
        """The id of a new server."""
        answer = self.ask(flavor, hints, **more)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["server"]["id"])

    def host_of(self, server_id: str) -> str | None:
        found: str | None = self.show(server_id)["OS-EXT-SRV-ATTR:host"]
        return found

    def show(self, server_id: str) -> dict[str, Any]:
        """A server as the admin sees it."""
        return dict(self.call("GET", f"/servers/{server_id}").json()["server"])

    def place(self, flavor: str = "42", hints: Any = None, **more: Any) -> str:
        """Where a new server goes: a host's name, or why there is none."""
        server = self.show(self.boot(flavor, hints, **more))
        found = server["OS-EXT-SRV-ATTR:host"]
        return str(found or server["fault"]["message"])

    def steps(self, server_id: str) -> list[tuple[str, int]]:
        """The funnel of one like this server: what was asked, and how many hosts it left."""
        now = self.call("GET", f"/servers/{server_id}/explain").json()["explain"]["now"]
        return [(step["constraint"], step["left"]) for step in now["steps"]]

    def running(self, flavor: str = "42", hints: Any = None, **more: Any) -> str:
        """The id of a new server that is taken to run."""
        server_id = self.boot(flavor, hints, **more)
        self.settle(server_id)
        return server_id

    def settle(self, server_id: str, vm_state: str = "active") -> None:
        """Take the server to be what its flow would have made of it."""

        def work(tx: Tx) -> None:
            tx.remove_where(FlowRow, subject=server_id)
            server = tx.get(Server, server_id)
            assert server is not None
            assert server.vm_state != "error", server.fault
            tx.change(server, vm_state=vm_state, task_state=None)

        self.cloud.app.db.run(work)

    def act(self, server_id: str, **action: Any) -> httpx.Response:
        """The answer to an action of the admin's."""
        return self.call("POST", f"/servers/{server_id}/action", action)

    def went(self, server_id: str, **action: Any) -> str:
        """Where an action takes the server: a host's name, or why there is none."""
        answer = self.act(server_id, **action)
        if answer.status_code >= 300:
            return str(next(iter(answer.json().values()))["message"])
        query = f"/os-migrations?instance_uuid={server_id}"
        return str(self.call("GET", query).json()["migrations"][0]["dest_compute"])

    def stock(self, host: str, resource_class: str, **inventory: Any) -> httpx.Response:
        """Add an inventory to the provider of a host, as an operator does."""
        headers = {"OpenStack-API-Version": "placement 1.39"}
        admin, name = self.cloud.admin, resource_class
        if name.startswith("CUSTOM_"):
            admin.put(f"/placement/resource_classes/{name}", headers=headers)
        path = f"/placement/resource_providers/{host_id(host)}/inventories"
        body = {"resource_class": name} | inventory
        return admin.post(path, json=body, headers=headers)

    def below(self, host: str, name: str, *traits: str, **amounts: int) -> str:
        """The id of a new provider below a host's, with these traits and inventories."""
        headers = {"OpenStack-API-Version": "placement 1.39"}
        admin, path = self.cloud.admin, "/placement/resource_providers"
        body = {"name": name, "parent_provider_uuid": host_id(host)}
        id = str(admin.post(path, json=body, headers=headers).json()["uuid"])
        for each in (one for one in amounts if one.startswith("CUSTOM_")):
            admin.put(f"/placement/resource_classes/{each}", headers=headers)
        stock = {each: {"total": total} for each, total in amounts.items()}
        body = {"resource_provider_generation": 0, "inventories": stock}
        answer = admin.put(f"{path}/{id}/inventories", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        for each in (one for one in traits if one.startswith("CUSTOM_")):
            admin.put(f"/placement/traits/{each}", headers=headers)
        body = {"resource_provider_generation": 1, "traits": list(traits)}
        answer = admin.put(f"{path}/{id}/traits", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return id

    def traits(self, host: str, *names: str) -> None:
        """Give the provider of a host these traits besides its own, as an operator does."""
        headers = {"OpenStack-API-Version": "placement 1.39"}
        admin, path = self.cloud.admin, f"/placement/resource_providers/{host_id(host)}/traits"
        for name in names:
            if name.startswith("CUSTOM_"):
                admin.put(f"/placement/traits/{name}", headers=headers)
        body = admin.get(path, headers=headers).json()
        body["traits"] = sorted({*body["traits"], *names})
        answer = admin.put(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    def held(self, server_id: str) -> dict[str, dict[str, int]]:
        """What placement says that a server holds: {host's id: {resource class: amount}}."""
        found = self.cloud.admin.get(
            f"/placement/allocations/{server_id}",
            headers={"OpenStack-API-Version": "placement 1.39"},
        ).json()["allocations"]
        return {id: dict(one["resources"]) for id, one in found.items()}

    def group(self, policy: str, **rules: int) -> str:
        """The id of demo's server group."""
        body: dict[str, Any] = {"name": policy, "policy": policy}
        body |= {"rules": rules} if rules else {}
        made = self.call("POST", "/os-server-groups", {"server_group": body}, self.cloud.demo)
        assert made.status_code == 200, made.text
        return str(made.json()["server_group"]["id"])
