"""Devices as providers below their host's: one of its resource class each.

The allocation says which guest has a device: there is no other record. A device that its host
reports no more stays as long as a server holds it, and nobody who asks by an alias gets it.
"""

import re
from collections import Counter
from collections.abc import Iterable

from ... import placement
from ...core.db import Tx
from ...core.ids import derived
from ..driver import HostDevice

GONE = "COMPUTE_STATUS_DISABLED"
_NAME = re.compile(r".*_([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")


def provider_id(host_id: str, address: str) -> str:
    """The id of the provider that a device is."""
    return derived("pci", host_id, address)


def report(tx: Tx, host_id: str, hostname: str, devices: Iterable[HostDevice]) -> None:
    """Let the host have these devices below it, and no others."""
    wanted = {provider_id(host_id, one.address): one for one in devices}
    present = _devices(tx, host_id)
    held = placement.held_of(tx, present) if present else frozenset()
    names = {id: f"{hostname}_{one.address}" for id, one in wanted.items()}
    if wanted:
        kinds = {one.resource_class for one in wanted.values()}
        placement.names_put(tx, kinds, {name for one in wanted.values() for name in one.traits})
    for id, one in wanted.items():
        if id in held:
            placement.trait_put(tx, id, GONE, False)
        else:
            stock = {one.resource_class: placement.Inventory(1, max_unit=1)}
            placement.provider_put(tx, id, names[id], stock, one.traits, parent_id=host_id)
    for id in present.keys() - wanted.keys():
        if id in held:
            placement.trait_put(tx, id, GONE, True)
        else:
            placement.provider_remove(tx, id)


def addresses(tx: Tx, server_id: str, host_id: str) -> list[str]:
    """The devices that the server has of this host, by the host's addresses."""
    return sorted(_devices(tx, host_id, placement.holdings(tx, server_id)).values())


def free(tx: Tx) -> Counter[str]:
    """How many devices that nobody has each host has, by the hosts' ids."""
    found = placement.unused_below(tx)
    return Counter(host_id for host_id, id, name in found if _address(host_id, id, name))


def _address(host_id: str, id: str, name: str) -> str:
    """The address of the device that this provider is; "" of one that is none of the host's."""
    named = _NAME.fullmatch(name)
    return named[1] if named and id == provider_id(host_id, named[1]) else ""


def _devices(tx: Tx, host_id: str, among: Iterable[str] | None = None) -> dict[str, str]:
    """The addresses of a host's devices by their providers' ids."""
    found = {
        id: address
        for id, name in placement.below(tx, host_id).items()
        if (address := _address(host_id, id, name))
    }
    return found if among is None else {id: found[id] for id in among if id in found}
