"""How SQLite finds the rows of calls that many make: by an index, however many rows there are."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.cloud import Cloud

from .conftest import Compute


@pytest.fixture(autouse=True)
def _only_sqlite(cloud: Cloud) -> None:
    if not cloud.app.db.sqlite:
        pytest.skip("the plan is SQLite's")


def plans(cloud: Cloud, call: Callable[[], object], part: str) -> list[str]:
    """The plans of the statements with this text that the call runs."""
    engine, asked = cloud.app.db.engine, list[tuple[str, object]]()

    def note(_connection: object, _cursor: object, text: str, values: object, *_: object) -> None:
        if part in text:
            asked.append((text, values))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        explained = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            for text, values in asked
        ]
    assert explained, "no such statement was run"
    return [str(rows) for rows in explained]


def test_a_page_of_servers_is_read_in_order_and_not_sorted(compute: Compute, cloud: Cloud) -> None:
    found = plans(cloud, lambda: compute.call("GET", "/servers?limit=2"), "ORDER BY servers.cr")

    assert all("ix_servers_listed" in plan and "TEMP B-TREE" not in plan for plan in found)


def test_a_networks_metadata_port_is_not_sought_among_all_its_ports(
    compute: Compute, cloud: Cloud
) -> None:
    net = cloud.demo.post("/network/v2.0/networks", json={"network": {"name": "plan"}}).json()
    key = net["network"]["id"]
    subnet = {"network_id": key, "cidr": "10.9.0.0/24", "ip_version": 4}
    cloud.demo.post("/network/v2.0/subnets", json={"subnet": subnet})
    made: list[str] = []

    found = plans(
        cloud,
        lambda: made.append(compute.boot("planned", networks=[{"uuid": key}])),
        "ports.device_owner = ",
    )

    assert all("ix_ports_network_owner" in plan for plan in found)
    compute.remove(made[0])
