"""What a domain's metadata remembers of the specification that made it."""

import hashlib
import json
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass

from pileus.compute.driver import GuestSpec

NAMESPACE = "https://pileus.invalid/xmlns/guest/1"
PREFIX = "pileus"

# These say what to do with a guest, not what the guest is: a change needs no new definition.
_COMMANDS = ("generation", "power", "reboots", "reboot")


@dataclass(frozen=True)
class Mark:
    """The state that the driver keeps with a guest, inside the hypervisor."""

    generation: int
    reboots: int
    digest: str  # of all in the specification that decides the domain's shape

    def xml(self) -> str:
        """The metadata element; libvirt puts it into the namespace."""
        return (
            f'<guest generation="{self.generation}" reboots="{self.reboots}" '
            f'digest="{self.digest}"/>'
        )

    @classmethod
    def parse(cls, xml: str) -> "Mark":
        """Read the element back. Raises ValueError when it is not one."""
        try:
            element = ET.fromstring(xml)  # noqa: S314 - written by this module, kept by libvirt
            return cls(
                int(element.attrib["generation"]),
                int(element.attrib["reboots"]),
                element.attrib["digest"],
            )
        except (ET.ParseError, KeyError) as error:
            raise ValueError(f"not a guest's metadata: {error}") from error


def digest(spec: GuestSpec) -> str:
    """A digest of the guest's shape; equal for specifications that differ only in commands."""
    shape = {key: value for key, value in asdict(spec).items() if key not in _COMMANDS}
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]
