"""A copy of a guest's disk as it is at one moment, in a qcow2 file of its own."""

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import libvirt

from pileus.core.backend import Broken, Busy, Refused
from pileus.host.command import run
from pileus.host.place import HostError

_PIECE = 1 << 20
_HOURS = 12 * 3600.0  # a large disk takes its time; a command that hangs is ended one day
_LOOK = 0.2
_DISK = re.compile(r"<disk .*?</disk>", re.DOTALL)
_SOURCE = re.compile(r"<source file='([^']*)'")  # the first is the disk's own, not the image's
_TARGET = re.compile(r"<target dev='([^']*)'")


def begin(domain: Any, disk: Path, target: Path) -> bool:
    """Start copying the disk of a guest that runs; False when it is off. libvirt's own errors.

    QEMU copies each block before the guest writes to it, so the guest need not stand still.
    """
    if domain.isActive():
        stop(domain)
    target.unlink(missing_ok=True)
    if not domain.isActive():
        return False
    backup = ET.Element("domainbackup", mode="push")
    disks = ET.SubElement(backup, "disks")
    one = ET.SubElement(disks, "disk", name=_target(domain, disk), backup="yes", type="file")
    ET.SubElement(one, "driver", type="qcow2")
    ET.SubElement(one, "target", file=str(target))
    domain.backupBegin(ET.tostring(backup, encoding="unicode"), None)
    return True


def stop(domain: Any) -> None:
    """End a copy that is being made, such as a killed process left behind. Raises Busy."""
    for _ in range(50):
        if not _copying(domain):
            return
        domain.abortJob()
        time.sleep(_LOOK)
    raise Busy(f"Guest {domain.UUIDString()} does not end an earlier copy of its disk yet.")


def wait(domain: Any) -> None:
    """Wait until the copy is made. Raises Busy when it was cut short, and libvirt's own errors."""
    while _copying(domain):
        time.sleep(_LOOK)
    done = domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if done.get("type") != libvirt.VIR_DOMAIN_JOB_COMPLETED:
        why = done.get("errmsg", "the guest was turned off meanwhile")
        raise Busy(f"The disk of guest {domain.UUIDString()} could not be copied: {why}.")


def convert(disk: Path, target: Path) -> None:
    """Copy the disk of a guest that is off, the image under it included. Raises Broken."""
    try:
        # Without a lock, so that a guest which is started meanwhile is not kept from its disk.
        words = ("qemu-img", "convert", "-U", "-q", "-f", "qcow2", "-O", "qcow2")
        run(*words, str(disk), str(target), timeout=_HOURS)
    except HostError as error:
        raise Broken(str(error)) from error


def pieces(file: Path) -> Iterator[bytes]:
    """The file's bytes."""
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            yield piece


def _copying(domain: Any) -> bool:
    found = domain.jobStats()
    return found.get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP and found.get(
        "type"
    ) in (libvirt.VIR_DOMAIN_JOB_BOUNDED, libvirt.VIR_DOMAIN_JOB_UNBOUNDED)


def _target(domain: Any, disk: Path) -> str:
    for one in _DISK.findall(domain.XMLDesc()):
        source, target = _SOURCE.search(one), _TARGET.search(one)
        if source and target and unescape(source[1]) == str(disk):
            return target[1]
    raise Refused(f"Guest {domain.UUIDString()} has no disk {disk.name}.")
