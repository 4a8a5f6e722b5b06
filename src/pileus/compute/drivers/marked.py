"""Domains of ours: the mark that each has, and its state in the driver's words."""

import uuid
from typing import Any

import libvirt

from pileus.compute.driver import Power
from pileus.compute.drivers.mark import NAMESPACE, PREFIX, Mark
from pileus.core.backend import Broken, Refused


def checked(guest_id: str) -> str:
    """The id as libvirt writes it. Raises Refused when it is none."""
    try:
        return str(uuid.UUID(guest_id))
    except ValueError as error:
        raise Refused(f"{guest_id!r} is not a guest's id: use a UUID.") from error


def write_mark(domain: Any, mark: Mark) -> None:
    """Give the domain this mark, on disk when it returns."""
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        mark.xml(),
        PREFIX,
        NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )


def mark_of(domain: Any) -> Mark | None:
    """The domain's mark; None for a domain that is not ours. Raises Broken."""
    try:
        return Mark.parse(
            domain.metadata(
                libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
            )
        )
    except ValueError as error:
        raise Broken(f"What stands with domain {domain.UUIDString()}: {error}") from error
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return None
        raise


def power_of(domain: Any) -> Power:
    """What the domain does."""
    state, reason = domain.state()
    if state in (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED):
        return "paused"
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return "crashed"
    if state == libvirt.VIR_DOMAIN_SHUTOFF:
        if domain.hasManagedSaveImage(0):
            return "suspended"
        died = reason in (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED)
        return "crashed" if died else "shutoff"
    return "running"


def destroy(domain: Any) -> None:
    """Pull the plug; a guest that ends by itself meanwhile is as good."""
    try:
        if domain.isActive():
            domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or domain.isActive():
            raise


def undefine(domain: Any) -> None:
    """Forget a domain that is off, with what was kept of its memory."""
    domain.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    )
