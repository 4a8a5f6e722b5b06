"""What a domain's metadata remembers of the specification that made it."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass

from pileus.compute.driver import GuestSpec

NAMESPACE = "https://pileus.invalid/xmlns/guest/1"
PREFIX = "pileus"

# These say what to do with a guest, not what the guest is: a change needs no new definition.
_COMMANDS = ("generation", "power", "reboots", "reboot", "kept", "back")
# Without a value they leave the shape as it was before there were such things.
_LATER = ("topology", "cells", "realtime", "devices")
_ATTRIBUTE = re.compile(r"""([a-z_]+)=["']([0-9a-f]+)["']""")


@dataclass(frozen=True)
class Mark:
    """The state that the driver keeps with a guest, inside the hypervisor."""

    generation: int
    reboots: int
    digest: str  # of all in the specification that decides the domain's shape
    # When a guest that was asked to shut itself down is turned off, in seconds since 1970; 0: it
    # was not asked. It is kept here, so that it outlives the process that asked.
    stop_by: int = 0
    builds: int = 0
    # It is being handed over to another host, or was: once it is off, it goes on there.
    leaving: int = 0
    coming: str = ""  # the move by which it came here while it ran, in hexadecimal

    def attributes(self) -> dict[str, str]:
        """The metadata element's attributes."""
        always = ("generation", "reboots", "digest", "stop_by", "builds")
        return {k: str(v) for k, v in asdict(self).items() if v or k in always}

    def xml(self) -> str:
        """The metadata element; libvirt puts it into the namespace."""
        pairs = " ".join(f'{name}="{value}"' for name, value in self.attributes().items())
        return f"<guest {pairs}/>"

    @classmethod
    def parse(cls, xml: str) -> "Mark":
        """Read the element back. Raises ValueError when it is not one."""
        found = dict(_ATTRIBUTE.findall(xml))
        try:
            return cls(
                int(found["generation"]),
                int(found["reboots"]),
                found["digest"],
                int(found.get("stop_by", "0")),
                int(found.get("builds", "0")),
                int(found.get("leaving", "0")),
                found.get("coming", ""),
            )
        except (ValueError, KeyError) as error:
            raise ValueError(f"{xml!r} is not a guest's metadata: {error}") from error


def digest(spec: GuestSpec) -> str:
    """A digest of the guest's shape; equal for specifications that differ only in commands."""
    whole = asdict(spec).items()
    shape = {k: v for k, v in whole if k not in _COMMANDS and (v or k not in _LATER)}
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]
