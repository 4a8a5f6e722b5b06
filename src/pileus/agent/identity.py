"""Who a joined host is: its UUID, name, key and certificate, in its state directory."""

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from ..hosts import certificates
from ..hosts.listener import parse

_FILE, _KEY, _CERTIFICATE, _AUTHORITY = "agent.json", "join.key", "host.pem", "authority.pem"

_LATER = ("tunnel", "dedicated_cpus", "pci_device_spec")


class NotJoined(Exception):
    """This state directory is no joined host's; the message says what is missing."""


@dataclass(frozen=True)
class Identity:
    """A host's identity. The name is given once: guests are known to be on a host of that name."""

    state: Path
    id: str
    name: str
    server: str  # ADDRESS:PORT of the control plane's agent port
    simulated: bool
    tunnel: str = ""  # the address at which other hosts reach this one's tunnels; "": found out
    dedicated_cpus: str = ""  # processors that guests may have to themselves, as 2-7
    pci_device_spec: str = ""  # devices that guests may have to themselves, as JSON

    @classmethod
    def begin(
        cls,
        state: Path,
        name: str,
        server: str,
        simulated: bool,
        tunnel: str = "",
        dedicated_cpus: str = "",
        pci_device_spec: str = "",
    ) -> "Identity":
        """The identity in `state`, made there the first time. Raises NotJoined for another name."""
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (state / _FILE).exists():
            own = str(uuid.uuid4())
            given = (tunnel, dedicated_cpus, pci_device_spec)
            made = cls(state, own, name, server, simulated, *given)
            made._save()
            return made
        found = cls.read(state)
        if not found.certificate.exists():  # it has never joined: nothing is decided yet
            found = replace(found, name=name, simulated=simulated)
            found._save()
        if found.name != name:
            raise NotJoined(
                f"{state} is that of host {found.name!r} ({found.id}), and a host keeps its name:"
                f" leave --name away, or give {name!r} a --state of its own."
            )
        if found.simulated != simulated:
            kind = "simulated" if found.simulated else "real"
            raise NotJoined(f"{state} is that of a {kind} host and stays so.")
        new = replace(
            found,
            server=server,
            tunnel=tunnel or found.tunnel,
            dedicated_cpus=dedicated_cpus or found.dedicated_cpus,
            pci_device_spec=pci_device_spec or found.pci_device_spec,
        )
        if new != found:
            new._save()
        return new

    @classmethod
    def load(cls, state: Path) -> "Identity":
        """The identity of the joined host in `state`.

        Raises NotJoined: where there is none, or where its parts do not belong together.
        """
        if not (state / _FILE).exists() or not (state / _CERTIFICATE).exists():
            raise NotJoined(f"No host has joined from {state}: `pileus agent join` does that.")
        found = cls.read(state)
        found.check()
        return found

    @classmethod
    def read(cls, state: Path) -> "Identity":
        """The identity in `state`, joined or not. Raises NotJoined."""
        try:
            values = json.loads((state / _FILE).read_text())
            given = {k: values[k] for k in ("id", "name", "server", "simulated")}
            later = {k: values.get(k, "") for k in _LATER}
            return cls(state, **given, **later)
        except FileNotFoundError:
            raise NotJoined(f"There is no host in {state}.") from None
        except (ValueError, TypeError, KeyError) as wrong:
            raise NotJoined(
                f"{state / _FILE} is damaged ({wrong}): put a copy of it back."
            ) from None

    def check(self) -> None:
        """See that the certificate is this host's. Raises NotJoined."""
        try:
            holder = certificates.subject(self.certificate.read_text())
        except (OSError, ValueError) as wrong:
            raise NotJoined(f"{self.certificate} is damaged ({wrong}): join again.") from None
        if holder != self.id:
            raise NotJoined(
                f"{self.certificate} is of host {holder}, and {self.state / _FILE} says that this"
                f" is host {self.id}, {self.name!r}: one of the two is a copy from elsewhere. Put"
                " the right one back, or join again with a new token."
            )

    def _save(self) -> None:
        values = {k: v for k, v in asdict(self).items() if k != "state"}
        _write(self.state / _FILE, json.dumps(values, indent=2) + "\n")

    @property
    def certificate(self) -> Path:
        """The file with the certificate and its key."""
        return self.state / _CERTIFICATE

    @property
    def tunnel_address(self) -> str:
        """Where other hosts reach this one: what was given, or its address towards the server."""
        return self.tunnel or _own_address(self.server)

    @property
    def authority(self) -> Path:
        """The file with the certificate of the authority that the control plane is known by."""
        return self.state / _AUTHORITY

    def joining_key(self) -> str:
        """The key to join with: kept, so that a join that was cut short can be repeated."""
        path = self.state / _KEY
        if not path.exists():
            _write(path, certificates.new_key())
        return path.read_text()

    def joined(self, certificate: str, authority: str) -> None:
        """The control plane has signed the joining key."""
        _write(self.authority, authority)
        _write(self.certificate, certificate + self.joining_key())
        (self.state / _KEY).unlink()

    def renewed(self, certificate: str, key: str) -> None:
        """The control plane has signed the next key."""
        _write(self.certificate, certificate + key)

    def expires_at(self) -> datetime:
        """When the certificate ends, in UTC."""
        return certificates.expiry(self.certificate.read_text())

    def forget(self) -> None:
        """Remove what makes this host a host of a cloud; its guests are not touched."""
        for name in (_FILE, _KEY, _CERTIFICATE, _AUTHORITY):
            (self.state / name).unlink(missing_ok=True)


def _own_address(server: str) -> str:
    address, port = parse(server)
    family, kind, protocol, _, far = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(far)  # of a datagram socket this sends nothing
        return str(probe.getsockname()[0])


def _write(path: Path, text: str) -> None:
    """Only for the owner; whole or not at all, and on the disk."""
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
