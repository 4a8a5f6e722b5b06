"""From a server's row to the specification of its guest."""

from dataclasses import asdict
from typing import Any

from .. import network
from ..core.db import Tx
from .driver import Disk, GuestSpec, Nic
from .metadata import drive_files
from .server import Server


def disks(flavor: dict[str, Any], image_id: str | None, root_gb: int) -> list[dict[str, Any]]:
    """A server's disks, as its row keeps them: root, ephemeral, swap."""
    found = [Disk("disk", flavor["disk"] or root_gb, image_id)]
    if flavor["ephemeral"]:
        found.append(Disk("disk.eph0", flavor["ephemeral"]))
    if flavor["swap"]:
        found.append(Disk("disk.swap", -(-flavor["swap"] // 1024)))
    return [asdict(disk) for disk in found]


def guest_spec(tx: Tx, server: Server) -> dict[str, Any]:
    """The desired guest of a server that has its host and ports, as JSON."""
    nics = network.server_nics(tx, server.id)
    spec = GuestSpec(
        id=server.id,
        name=server.instance_name,
        generation=server.generation,
        vcpus=server.vcpus,
        memory_mb=server.memory_mb,
        disks=(),
        nics=tuple(
            Nic(n.port_id, n.network_id, n.mac, n.mtu, tuple(a.ip for a in n.addresses))
            for n in nics
        ),
        reboots=server.reboots,
        config_drive=drive_files(tx, server, nics) if server.config_drive else {},
        properties={k: v for k, v in server.image_properties.items() if k.startswith("hw_")},
    )
    found = asdict(spec) | {"disks": server.disks}
    # What is stored as JSON comes back as lists: the same now makes equal specifications equal.
    found["nics"] = [nic | {"addresses": list(nic["addresses"])} for nic in found["nics"]]
    if found["config_drive"]:
        # The password stands in it: it is opened on its way to the host.
        found["config_drive"] = tx.vault.seal_json(found["config_drive"])
    return found
