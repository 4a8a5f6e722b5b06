"""Choosing a host when what is known of the hosts has changed elsewhere."""

from dataclasses import replace

from pileus import placement
from pileus.compute.host import host_id, register
from pileus.core.db import Database, Tx
from tests.cloud import Cloud

from .conftest import Compute


def test_a_host_that_others_have_filled_is_passed_over(compute: Compute, cloud: Cloud) -> None:
    index, facts = cloud.parts[placement.Index], cloud.machine.compute.facts()
    big = replace(facts, hostname="big", memory_mb=facts.memory_mb * 4)
    cloud.app.db.run(lambda tx: register(tx, "big", big))
    best = cloud.app.db.read(lambda tx: next(index.fitting(tx, {"VCPU": 1}, "MEMORY_MB")))
    assert best == host_id("big")

    def fill(tx: Tx) -> None:
        free, _ = placement.candidates(tx, {"MEMORY_MB": 1}, only=[host_id("big")])
        everything = {"MEMORY_MB": free[0].free["MEMORY_MB"]}
        placement.claim(tx, host_id("other"), "p", "u", host_id("big"), everything, "other")

    other = Database(cloud.app.db.url)
    other.run(fill)
    other.close()

    server_id = compute.boot()

    shown = compute.show(server_id, client=cloud.admin)
    assert shown["OS-EXT-SRV-ATTR:host"] == "host-1"
