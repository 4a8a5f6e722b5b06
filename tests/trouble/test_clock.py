"""A clock that jumps by an hour, either way, while servers come and go."""

import logging
from pathlib import Path

import pytest

from pileus.core.clock import RealClock

from ..cloud import Cloud

_HEADERS = {"OpenStack-API-Version": "compute 2.90"}


class Jumping(RealClock):
    """The machine's clock, set wrong by so much."""

    wrong = 0.0  # seconds

    def time_of_day(self) -> float:
        return super().time_of_day() + self.wrong


def server(cloud: Cloud, name: str) -> str:
    image = cloud.demo.get("/image/v2/images").json()["images"][0]["id"]
    body = {"name": name, "flavorRef": "42", "imageRef": image, "networks": "none"}
    answer = cloud.demo.post("/compute/v2.1/servers", json={"server": body}, headers=_HEADERS)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["server"]["id"])


def status(cloud: Cloud, key: str) -> str:
    answer = cloud.demo.get(f"/compute/v2.1/servers/{key}", headers=_HEADERS)
    return str(answer.json()["server"]["status"]) if answer.status_code == 200 else "gone"


@pytest.mark.parametrize("hours", [1, -1])
def test_servers_come_and_go_over_a_jump(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, hours: int
) -> None:
    caplog.set_level(logging.INFO, "pileus.core.clockwatch")
    clock = Jumping()
    cloud = Cloud(tmp_path / "state", clock=clock)
    cloud.machine.compute.delay = 0.3  # so that there is something under way
    first = server(cloud, "before")

    clock.wrong = hours * 3600.0
    second = server(cloud, "after")
    cloud.until(lambda: status(cloud, first) == "ACTIVE", "the server from before the jump")
    cloud.until(lambda: status(cloud, second) == "ACTIVE", "the server from after it")
    cloud.until(lambda: cloud.app.clock_watch.jumped, "the jump to be seen")
    for key in (first, second):
        cloud.demo.delete(f"/compute/v2.1/servers/{key}")
    cloud.until(lambda: status(cloud, first) == status(cloud, second) == "gone", "the deletes")
    cloud.settle()
    audit = cloud.audit()
    key_ = {"X-Pileus-Key": (cloud.config.state / "control.key").read_text()}
    said = cloud.admin.get("/pileus/status", headers=key_).json()["clock_jumped"]
    login = cloud.token("demo", "demo-secret", "demo")
    cloud.close()

    lines = [record.getMessage() for record in caplog.records]
    assert audit == []
    assert login.status_code == 201
    assert round(said["seconds"] / 3600) == hours
    assert len(lines) == 1 and "the clock jumped" in lines[0]
