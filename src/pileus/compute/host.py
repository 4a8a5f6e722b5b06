"""Compute hosts: what they are, when they were last heard of, and how they register."""

from collections.abc import Collection
from datetime import timedelta
from functools import cache

import sqlalchemy as sa

from .. import placement
from ..config import Config
from ..core.db import Database, Tx
from ..core.ids import derived
from ..core.parts import Parts
from ..core.resource import Resource, attr, now
from ..core.types import Bool, Int, Json, Text, Uuid, When
from .driver import ComputeDriver, HostFacts
from .numa.stored import dump
from .pci.provider import report as report_devices

ZONE = "nova"
CPU_RATIO, RAM_RATIO, DISK_RATIO = 4.0, 1.0, 1.0
_DOWN_AFTER = timedelta(seconds=60)
_MOST_RESERVED_MB = 512


class ComputeHost(Resource):
    """A host that runs guests. Its id is also that of its resource provider and hypervisor."""

    one, many = "compute_host", "compute_hosts"

    id = attr(Uuid(), key=True)
    host = attr(Text(255), index=True)
    hostname = attr(Text(255))
    zone = attr(Text(255), default=ZONE)
    hypervisor_type = attr(Text(64))
    hypervisor_version = attr(Int())
    accelerator = attr(Text(32))
    arch = attr(Text(32))
    cpu_model = attr(Text(255), default="")
    vcpus = attr(Int())
    memory_mb = attr(Int())
    disk_gb = attr(Int())
    traits = attr(Json(), default=list)
    # Its NUMA cells, as numa.stored writes them; NULL of a host that has reported none.
    cells = attr(Json(), null=True)
    disabled = attr(Bool(), default=False)
    disabled_reason = attr(Text(255), null=True)
    forced_down = attr(Bool(), default=False)
    # Servers in a row that could not be made there; NULL when the last one could.
    build_failures = attr(Int(), null=True)
    created_at = attr(When(), default=now)
    last_seen = attr(When(), default=now)

    def up(self, tx: Tx) -> bool:
        """Whether the host has been heard of lately and nobody says that it is down."""
        return not self.forced_down and tx.now - self.last_seen < _DOWN_AFTER

    @property
    def service_id(self) -> str:
        """The id of its nova-compute service."""
        return host_service_id(self.id)


def host_service_id(id: str) -> str:
    """The id of the nova-compute service of the host with this id."""
    return derived("service", id)


def host_id(host: str) -> str:
    """The id of a host by its name."""
    return derived("host", host)


def host_report(parts: Parts) -> None:
    """Write down that this process's host is there and what it has."""
    facts = parts[ComputeDriver].facts()
    name = parts[Config].host
    if not name:
        return
    parts[Database].run(lambda tx: register(tx, name, facts))


def register(tx: Tx, host: str, facts: HostFacts) -> ComputeHost:
    """Insert or refresh a host and its resource provider."""
    values = {
        "hostname": facts.hostname,
        "hypervisor_type": facts.hypervisor_type,
        "hypervisor_version": facts.hypervisor_version,
        "accelerator": facts.accelerator,
        "arch": facts.arch,
        "cpu_model": facts.cpu_model,
        "vcpus": facts.vcpus,
        "memory_mb": facts.memory_mb,
        "disk_gb": facts.disk_gb,
        "traits": list(facts.traits),
        "cells": dump(facts.cells) or None,
    }
    row = tx.get(ComputeHost, host_id(host))
    before = [] if row is None else row.traits
    if row is not None and all(getattr(row, key) == value for key, value in values.items()):
        tx.change(row, last_seen=tx.now)
        report_devices(tx, row.id, facts.hostname, facts.devices)
        return row
    if row is None:
        row = tx.add(ComputeHost(id=host_id(host), host=host, **values))
    else:
        tx.change(row, last_seen=tx.now, **values)
    stock, traits = _inventories(facts), facts.traits
    placement.provider_put(tx, row.id, facts.hostname, stock, traits, keep=True, before=before)
    report_devices(tx, row.id, facts.hostname, facts.devices)
    return row


def seen(tx: Tx, hosts: Collection[str]) -> None:
    """Note that these hosts are there now."""
    tx.update(_seen(), {"names": list(hosts), "seen": tx.now})


@cache
def _seen() -> sa.Update:
    named = ComputeHost.host.in_(sa.bindparam("names", expanding=True))
    return sa.update(ComputeHost.table).where(named).values(last_seen=sa.bindparam("seen"))


def build_failed(tx: Tx, host: str) -> None:
    """A server could not be made there."""
    row = tx.get(ComputeHost, host_id(host))
    if row is not None:
        tx.change(row, build_failures=(row.build_failures or 0) + 1)


def build_succeeded(tx: Tx, host: str) -> None:
    """A server was made there."""
    tx.update(_forgiving(), {"own": host_id(host)})


@cache
def _forgiving() -> sa.Update:
    c = ComputeHost.table.c
    mine = (c.id == sa.bindparam("own"), c.build_failures.is_not(None))
    return sa.update(ComputeHost.table).where(*mine).values(build_failures=None)


def known(tx: Tx, host: str) -> bool:
    """Whether a host of this name has registered."""
    return tx.exists(ComputeHost, ComputeHost.id == host_id(host))


def _inventories(facts: HostFacts) -> dict[str, placement.Inventory]:
    # The hypervisor itself needs some memory; a quarter of a small host is enough for it.
    reserved = min(_MOST_RESERVED_MB, facts.memory_mb // 4)
    dedicated = sum(len(cell.dedicated) for cell in facts.cells)
    return {
        "VCPU": _inventory(facts.vcpus - dedicated, 0, CPU_RATIO),
        "PCPU": _inventory(dedicated, 0, 1.0),
        "MEMORY_MB": _inventory(facts.memory_mb, reserved, RAM_RATIO),
        "DISK_GB": _inventory(facts.disk_gb, 0, DISK_RATIO),
    }


def _inventory(total: int, reserved: int, ratio: float) -> placement.Inventory:
    return placement.Inventory(
        total=total,
        reserved=reserved,
        allocation_ratio=ratio,
        min_unit=1,
        max_unit=max(total, 1),
        step_size=1,
    )


def moved(tx: Tx, by: timedelta) -> None:
    """The clock jumps: hosts that were heard of lately have been, after the jump too."""
    tx.set(ComputeHost, ComputeHost.last_seen > tx.now - _DOWN_AFTER, last_seen=tx.now + by)
