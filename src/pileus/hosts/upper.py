"""What the services above do for the hosts, so that this package need not know them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..core.db import Tx
from ..core.desired import Desired, Report

# What a service does, in the report's transaction, with a report on one of its objects.
Notice: TypeAlias = Callable[[Tx, Desired, Report], None]


class Upper(Protocol):
    """The services, as seen from the agents' connections. Calls come from several threads."""

    @property
    def notices(self) -> Mapping[str, Notice]:
        """By kind of object."""
        ...

    @property
    def southbound(self) -> int:
        """The port of the network's database for hosts; 0 where the network is simulated."""
        ...

    def reserved(self, tx: Tx, name: str) -> bool:
        """Whether a host of this name is there already."""
        ...

    def register(self, tx: Tx, host: str, facts: Mapping[str, Any]) -> None:
        """Write down what the host has. Raises Refusal."""
        ...

    def seen(self, tx: Tx, hosts: Sequence[str]) -> None:
        """These hosts are there now."""
        ...

    def leave(self, tx: Tx, host: str) -> None:
        """Forget the host, which wants to leave. Raises Refusal while it is needed."""
        ...

    def metadata(
        self,
        host: str,
        network: str,
        caller: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
    ) -> tuple[int, str, bytes]:
        """The answer to a guest of this host: status, content type, body."""
        ...

    def image(self, host: str, image: str) -> tuple[Path, str, str]:
        """File, format and SHA-512 of an image that a guest of this host needs. Raises Refusal."""
        ...

    def wants_image(self, host: str, image: str) -> bool:
        """Whether an image that this host was asked to make still waits for its bytes.

        Raises Refusal when it was not asked, or when the image is gone.
        """
        ...

    def take_image(self, host: str, image: str, pieces: Iterable[bytes]) -> None:
        """Take the bytes of such an image, all or none. Raises Refusal."""
        ...
