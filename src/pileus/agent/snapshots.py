"""Snapshots: a guest's disk is copied as it is at one moment, and handed over as an image."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..compute.driver import DiskCopies


class ImageSink(Protocol):
    """Where a host hands an image's bytes over, over whatever road."""

    def wants(self, image_id: str) -> bool:
        """Whether the image still waits for its bytes. Raises Refused when it is gone."""
        ...

    def send(self, image_id: str, pieces: Iterable[bytes]) -> None:
        """Hand over all bytes of the image, or none. Raises Busy, Refused, Broken."""
        ...


class SnapshotHandler:
    """The handler for desired objects of kind "snapshot"; the object's id is its server's."""

    def __init__(self, copies: DiskCopies, sink: ImageSink) -> None:
        self._copies, self._sink = copies, sink
        self._done: dict[str, Mapping[str, Any]] = {}  # server → what was reported

    def apply(self, key: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the image its bytes, unless it has them already."""
        image_id = spec["image"]
        if self._sink.wants(image_id):
            with self._copies.copied(key, spec["disk"]) as pieces:
                self._sink.send(image_id, pieces)
        self._done[key] = {"image": image_id}
        return self._done[key]

    def remove(self, key: str) -> None:
        """Nothing of a copy outlives `apply`: there is only something to forget."""
        self._done.pop(key, None)

    def observe(self) -> Mapping[str, Mapping[str, Any]]:
        """The images that have their bytes from here."""
        return dict(self._done)

    def leftovers(self) -> Iterable[str]:
        """Nothing outlives them here."""
        return ()
