"""Metadata ports on this host: one in every network that has a guest here."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..network.driver import HostNetwork


class MetadataHandler:
    """The handler for desired objects of kind "metadata"; the object's id is its network's."""

    def __init__(self, network: HostNetwork) -> None:
        self._network = network

    def apply(self, key: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer metadata in the network."""
        self._network.serve_metadata(key, spec["port_id"], spec["mac"], tuple(spec["cidrs"]))
        return {"served": True}

    def remove(self, key: str) -> None:
        """Stop answering in the network."""
        self._network.drop_metadata(key)

    def observe(self) -> Mapping[str, Mapping[str, Any]]:
        """The networks in which metadata is answered here."""
        return {network: {"served": True} for network in self._network.metadata_networks()}

    def leftovers(self) -> Iterable[str]:
        """Nothing outlives them here."""
        return ()
