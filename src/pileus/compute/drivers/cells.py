"""NUMA in libvirt's words: the host's cells as it tells them, the guest's as it is told."""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable

from pileus.compute.driver import GuestSpec, HostCell
from pileus.core.backend import Refused
from pileus.host.processors import parse, written

_USUAL = 4  # KiB of a page that is no large one


def host_cells(capabilities: str, dedicated: Collection[int]) -> tuple[HostCell, ...]:
    """The cells of libvirt's capabilities. Raises Refused for dedicated processors not there."""
    found = []
    for cell in ET.fromstring(capabilities).iterfind("host/topology/cells/cell"):  # noqa: S314
        processors = list(cell.iterfind("cpus/cpu"))
        cpus = tuple(sorted(int(one.get("id", "")) for one in processors))
        cores = {tuple(sorted(parse(one.get("siblings", one.get("id", ""))))) for one in processors}
        found.append(
            HostCell(
                id=int(cell.get("id", "")),
                cpus=cpus,
                memory_mb=int(cell.findtext("memory", "0")) >> 10,
                siblings=tuple(sorted(core for core in cores if len(core) > 1)),
                pages={
                    one.get("size", ""): int(one.text or 0)
                    for one in cell.iterfind("pages")
                    if int(one.get("size", "0")) > _USUAL and int(one.text or 0)
                },
                dedicated=tuple(cpu for cpu in cpus if cpu in dedicated),
            )
        )
    odd = set(dedicated) - {cpu for cell in found for cpu in cell.cpus}
    if odd:
        raise Refused(f"This host has no processors {written(odd)}, which are to be dedicated.")
    return tuple(found)


def add_cells(
    domain: ET.Element, cpu: ET.Element, spec: GuestSpec, floating: str, emulated: bool
) -> None:
    """Say in a domain's definition where its processors and memory are, and how they look.

    floating: the host's processors for guests that have none of their own; "": any. Raises Refused
    for pins of processors that are emulated: these are no threads of their own.
    """
    if spec.topology:
        names = ("sockets", "cores", "threads")
        shown = {name: str(n) for name, n in zip(names, spec.topology, strict=True)}
        ET.SubElement(cpu, "topology", shown)
    if not spec.cells:
        vcpu = domain.find("vcpu")
        if floating and vcpu is not None:
            vcpu.set("cpuset", floating)
        return
    numa = ET.SubElement(cpu, "numa")
    tune = ET.SubElement(domain, "numatune")
    nodes = written(cell.host for cell in spec.cells)
    ET.SubElement(tune, "memory", mode="strict", nodeset=nodes)
    pins: dict[int, str] = {}
    pages = []
    for number, cell in enumerate(spec.cells):
        one = {"id": str(number), "cpus": written(cell.cpus), "memory": str(cell.memory_mb << 10)}
        ET.SubElement(numa, "cell", one | {"unit": "KiB"})
        ET.SubElement(tune, "memnode", cellid=str(number), mode="strict", nodeset=str(cell.host))
        pins |= dict.fromkeys(cell.cpus, written(cell.shared))
        pins |= {guest: str(host) for guest, host in cell.pins}
        if cell.page_kib > _USUAL:
            pages.append((cell.page_kib, number))
    everywhere = _all(pins.values())
    vcpu = domain.find("vcpu")
    if emulated:
        if any(cell.pins for cell in spec.cells):
            raise Refused("This host emulates processors: none of them can be a guest's own.")
        if vcpu is not None:
            vcpu.set("cpuset", everywhere)
    else:
        tuned = ET.SubElement(domain, "cputune")
        for guest, host in sorted(pins.items()):
            ET.SubElement(tuned, "vcpupin", vcpu=str(guest), cpuset=host)
        # QEMU's own threads run where the guest does, and so disturb nobody else.
        usual = [host for guest, host in pins.items() if guest not in spec.realtime]
        ET.SubElement(tuned, "emulatorpin", cpuset=_all(usual))
        if spec.realtime:
            quick = {"vcpus": written(spec.realtime), "scheduler": "fifo", "priority": "1"}
            ET.SubElement(tuned, "vcpusched", quick)
    if pages or spec.realtime:
        backing = ET.SubElement(domain, "memoryBacking")
        if pages:
            large = ET.SubElement(backing, "hugepages")
            for size, number in pages:
                one = {"size": str(size), "unit": "KiB", "nodeset": str(number)}
                ET.SubElement(large, "page", one)
        if spec.realtime:
            # Nothing may make a processor wait: no page that is elsewhere, no counter of events.
            ET.SubElement(backing, "nosharepages")
            ET.SubElement(backing, "locked")
            features = domain.find("features")
            if features is not None:
                ET.SubElement(features, "pmu", state="off")


def _all(texts: Iterable[str]) -> str:
    """The processors of all these texts."""
    return written({cpu for text in texts for cpu in parse(text)})
