"""Which data path Open vSwitch can have on this machine: the kernel's or its own in userspace."""

import subprocess
from pathlib import Path
from typing import Literal

from pileus.host.place import Place

Datapath = Literal["system", "netdev"]


def choose(place: Place) -> Datapath:
    """ "system" when the kernel's can really be used by this cloud, else "netdev".

    The choice holds until the next reboot, because bridges of both kinds cannot be mixed. The
    kernel has one data path for all of Open vSwitch: the first to use it owns it, and whoever
    comes later (a second cloud beside the first, or beside the system's own switch) takes the one
    in userspace.
    """
    record = place.run / "datapath"
    if record.exists():
        return "system" if record.read_text().strip() == "system" else "netdev"
    chosen: Datapath = "system" if _kernel_free() else "netdev"
    place.run.mkdir(parents=True, exist_ok=True)
    record.write_text(chosen + "\n")
    return chosen


def _kernel_free() -> bool:
    # Whether the module loads does not matter: it may be built in. What the kernel answers does.
    for module in ("openvswitch", "geneve"):
        subprocess.run(["modprobe", "-q", module], check=False, capture_output=True)
    answer = subprocess.run(
        ["ovs-dpctl", "dump-dps"], check=False, capture_output=True, text=True, timeout=30
    )
    taken = "ovs-system" in answer.stdout or Path("/sys/class/net/ovs-system").exists()
    return answer.returncode == 0 and not taken
