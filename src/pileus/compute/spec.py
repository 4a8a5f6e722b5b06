"""From a server's row to the specification of its guest."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from .. import network
from ..core.db import Tx
from ..core.errors import BadRequest
from .demand import beyond, realtime
from .driver import Disk, GuestSpec, Nic
from .host import host_id
from .metadata import drive_files
from .numa.pinning import pinned
from .numa.topology import topology
from .numa.wanted import wanted
from .pci.provider import addresses
from .server import Server


def disks(flavor: dict[str, Any], image_id: str | None, root_gb: int) -> list[dict[str, Any]]:
    """A server's disks, as its row keeps them: root, ephemeral, swap."""
    found = [Disk("disk", flavor["disk"] or root_gb, image_id)]
    if flavor["ephemeral"]:
        found.append(Disk("disk.eph0", flavor["ephemeral"]))
    if flavor["swap"]:
        found.append(Disk("disk.swap", -(-flavor["swap"] // 1024)))
    return [asdict(disk) for disk in found]


def nics(tx: Tx, server: Server) -> list[dict[str, Any]]:
    """The nics of a server's guest, as its desired guest has them."""
    return _as_json(network.server_nics(tx, server.id))


def _as_json(infos: list[network.NicInfo]) -> list[dict[str, Any]]:
    each = (
        Nic(n.port_id, n.network_id, n.mac, n.mtu, tuple(a.ip for a in n.addresses)) for n in infos
    )
    # What is stored as JSON comes back as lists: the same now makes equal specifications equal.
    return [asdict(nic) | {"addresses": list(nic.addresses)} for nic in each]


def size(tx: Tx, server: Server, flavor: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What a flavor makes of the server's guest on a host, as its desired guest has it."""
    image, cells = server.image_properties, list[dict[str, Any]]()
    shape: tuple[int, ...] = ()
    quick: frozenset[int] = frozenset()
    # What contradicts itself was not refused before it was heeded: such a guest stays as it was.
    with suppress(BadRequest):
        shape = topology(flavor, image)
        cells = pinned(tx, server.id, host_id(host)) if wanted(flavor, image) else []
        quick = realtime(flavor, image)
    return {
        "vcpus": flavor["vcpus"],
        "memory_mb": flavor["ram"],
        "topology": list(shape),
        "cells": cells,
        "realtime": sorted(quick),
        "devices": addresses(tx, server.id, host_id(host)) if beyond(flavor, image) else [],
    }


def guest_spec(tx: Tx, server: Server) -> dict[str, Any]:
    """The desired guest of a server that has its host and ports, as JSON."""
    found_nics = network.server_nics(tx, server.id)
    spec = GuestSpec(
        id=server.id,
        name=server.instance_name,
        generation=server.generation,
        vcpus=server.flavor["vcpus"],
        memory_mb=server.flavor["ram"],
        disks=(),
        nics=(),
        reboots=server.reboots,
        builds=server.builds,
        config_drive=drive_files(tx, server, found_nics) if server.config_drive else {},
        properties={k: v for k, v in server.image_properties.items() if k.startswith("hw_")},
    )
    found = asdict(spec) | {"disks": server.disks}
    found |= size(tx, server, server.flavor, str(server.host))
    found["nics"] = _as_json(found_nics)
    if found["config_drive"]:
        # The password stands in it: it is opened on its way to the host.
        found["config_drive"] = tx.vault.seal_json(found["config_drive"])
    return found
