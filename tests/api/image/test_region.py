"""An image comes from the image service of a region of the catalog, with the caller's token."""

import os
from typing import Any

import pytest

from ...cloud import Client, Cloud

OCTETS = {"Content-Type": "application/octet-stream"}


def made(client: Client, **values: Any) -> str:
    body = {"disk_format": "raw", "container_format": "bare"} | values
    return str(client.post("/image/v2/images", json=body).json()["id"])


def ask(client: Client, target: str, source: str, region: str = "RegionOne") -> None:
    method = {"name": "glance-download", "glance_region": region, "glance_image_id": source}
    answer = client.post(f"/image/v2/images/{target}/import", json={"method": method})
    assert answer.status_code == 202, answer.text


def settled(cloud: Cloud, client: Client, image_id: str) -> dict[str, Any]:
    def task() -> Any:
        found = client.get(f"/image/v2/images/{image_id}/tasks").json()["tasks"][0]
        return found if found["status"] in ("success", "failure") else None

    return dict(cloud.until(task, "the import"))


def test_bytes_formats_and_chosen_properties_come_over(cloud: Cloud) -> None:
    demo, data = cloud.demo, os.urandom(100_000)
    source = made(demo, os_distro="debian", hw_cpu_cores="4", speed="88")
    demo.put(f"/image/v2/images/{source}/file", content=data, headers=OCTETS)
    target = made(demo, disk_format="iso", os_distro="windows")

    ask(demo, target, source)

    assert settled(cloud, demo, target)["status"] == "success"
    shown = demo.get(f"/image/v2/images/{target}").json()
    assert (shown["status"], shown["disk_format"]) == ("active", "raw")
    assert (shown["os_distro"], shown["hw_cpu_cores"]) == ("debian", "4")
    assert "speed" not in shown
    assert demo.get(f"/image/v2/images/{target}/file").content == data


@pytest.mark.parametrize("case", ["absent", "queued", "foreign", "nowhere"])
def test_what_cannot_be_had_leaves_a_queued_image(cloud: Cloud, case: str) -> None:
    demo = cloud.demo
    source = "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c"
    if case in ("queued", "foreign"):
        source = made(demo if case == "queued" else cloud.other)
    target = made(demo, os_distro="windows")

    ask(demo, target, source, "nowhere" if case == "nowhere" else "RegionOne")

    assert settled(cloud, demo, target)["status"] == "failure"
    shown = demo.get(f"/image/v2/images/{target}").json()
    assert (shown["status"], shown["os_distro"]) == ("queued", "windows")
