"""What the services do for hosts that have joined: the upper end of the agents' connections."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from . import compute, image
from .config import Config
from .core.backend import Broken, Refused
from .core.db import Database, Tx
from .core.desired import Desired
from .core.errors import Conflict, Fault, NotFound
from .core.parts import Parts
from .hosts import Notice, Refusal

_GUEST, _SNAPSHOT = "guest", "snapshot"


class Reception:
    """`hosts.Upper` over the services of this process."""

    notices: Mapping[str, Notice] = {_GUEST: compute.observed}

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def southbound(self) -> int:
        """The port of OVN's southbound database; 0 in a simulated cloud."""
        config = self._parts[Config]
        return 0 if config.simulate else config.southbound_listen[1]

    def reserved(self, tx: Tx, name: str) -> bool:
        """Whether a host of this name is there already; the control plane's own is."""
        return name == self._parts[Config].host or compute.host_known(tx, name)

    def register(self, tx: Tx, host: str, facts: Mapping[str, Any]) -> None:
        """Write down what the host has. Raises Refusal."""
        try:
            found = msgspec.convert(facts, compute.HostFacts)
            msgspec.json.encode(found)
        except (ValueError, TypeError) as wrong:
            raise Refusal(f"What the host says that it has is not understood: {wrong}.") from None
        simulated = self._parts[Config].simulate
        if (found.accelerator == "simulated") != simulated:
            kinds = ("a simulated", "a real") if simulated else ("a real", "a simulated")
            raise Refusal(f"This is {kinds[0]} cloud, and {kinds[1]} host has no place in it.")
        if found.hostname != host:
            raise Refusal(f"The host {host!r} calls itself {found.hostname[:255]!r}.")
        if not all(0 <= n < 1 << 31 for n in (found.vcpus, found.memory_mb, found.disk_gb)):
            raise Refusal("The host says that it has more than any host, or less than nothing.")
        try:
            compute.host_register(tx, host, found)
        except Fault as fault:
            raise Refusal(fault.message, final=False) from None

    def seen(self, tx: Tx, hosts: Sequence[str]) -> None:
        """These hosts are there now."""
        compute.hosts_seen(tx, hosts)

    def leave(self, tx: Tx, host: str) -> None:
        """Forget the host. Raises Refusal while servers are on it."""
        try:
            compute.host_forget(tx, host)
        except Fault as fault:
            raise Refusal(fault.message, final=False) from None

    def metadata(
        self,
        host: str,
        network: str,
        caller: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
    ) -> tuple[int, str, bytes]:
        """The metadata service's answer to a guest, provided that it is on this host."""
        return compute.metadata_answer(self._parts, network, caller, method, path, headers, host)

    def image(self, host: str, image_id: str) -> tuple[Path, str, str]:
        """The file, format and SHA-512 of an image that a guest of this host starts from.

        Raises Refusal.
        """

        def work(tx: Tx) -> tuple[str, str] | None:
            rows = tx.all(Desired, host=host, kind=_GUEST)
            specs = [row.spec for row in rows if row.spec is not None]
            if not any(disk.get("image") == image_id for s in specs for disk in s["disks"]):
                raise Refusal(f"No guest of host {host!r} starts from image {image_id[:64]}.")
            return image.content(tx, image_id)

        found = self._parts[Database].read(work)
        try:
            path = image.near(self._parts, image_id)
        except (Broken, Refused) as problem:
            raise Refusal(str(problem), final=isinstance(problem, Refused)) from None
        if found is None or path is None:
            raise Refusal(f"Image {image_id} is not in the image store any more.")
        return path, *found

    def wants_image(self, host: str, image_id: str) -> bool:
        """Whether an image that this host was asked to make waits for its bytes. Raises Refusal."""
        rows = self._parts[Database].read(lambda tx: tx.all(Desired, host=host, kind=_SNAPSHOT))
        if not any(row.spec is not None and row.spec["image"] == image_id for row in rows):
            raise Refusal(f"Host {host!r} was not asked for image {image_id[:64]}.")
        wanted = image.wants(self._parts, image_id)
        if wanted is None:
            raise Refusal(f"Image {image_id} was deleted before it had its bytes.")
        return wanted

    def take_image(self, host: str, image_id: str, pieces: Iterable[bytes]) -> None:
        """Take the bytes of such an image, all or none. Raises Refusal."""
        try:
            image.receive(self._parts, image_id, pieces)
        except (Conflict, FileExistsError) as other:
            self.wants_image(host, image_id)  # raises when it is gone
            raise Refusal(f"Image {image_id} cannot be stored now: {other}", final=False) from None
        except (image.Unsafe, NotFound) as wrong:
            raise Refusal(str(wrong)) from None
        except OSError as problem:
            raise Refusal(f"Image {image_id} cannot be stored: {problem}", final=False) from None
