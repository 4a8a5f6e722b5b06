"""Guests on this host: their taps are plugged, then the hypervisor makes them."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from ..compute.driver import ComputeDriver, GuestFolders, GuestSpec, Observation
from ..network.driver import HostNetwork
from .moves import Moves


def spec_of(spec: Mapping[str, Any]) -> GuestSpec:
    """The specification that was written down as JSON. Raises ValueError when it is none."""
    return msgspec.convert(spec, GuestSpec)


def state_of(found: Observation) -> dict[str, Any]:
    """What is reported of a guest."""
    state = asdict(found)
    del state["id"]
    return state


class GuestHandler:
    """Makes guests real: the handler for desired objects of kind "guest".

    Which taps are a guest's is known from its specification. After a restart every guest that
    should be here is applied again; a tap that is nobody's once all guests are known again was
    left by a guest or an interface whose removal was cut short, and goes too.
    """

    def __init__(self, driver: ComputeDriver, network: HostNetwork, moves: Moves) -> None:
        self._driver, self._network, self._moves = driver, network, moves
        self._ports: dict[str, dict[str, str]] = {}  # guest → port → tap
        self._lock = threading.Lock()
        self._unmet: set[str] | None = None

    def apply(self, key: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Plug the guest's interfaces and make it so.

        `origin` in the specification says which host has the disks, `offer` that another host may
        have them.
        """
        wanted, offer = spec_of(spec), spec.get("offer")
        unmet = self._found_standing()
        if not offer:
            self._moves.withdraw(key)
        if spec.get("origin"):
            self._moves.fetch(wanted, spec["origin"])
        ports = {nic.port_id: nic.tap for nic in wanted.nics}
        old = self._ports.get(key, {})
        self._ports[key] = old | ports
        for nic in wanted.nics:
            self._network.plug(nic.port_id, nic.tap, nic.mac, nic.mtu)
        found = self._driver.ensure(wanted)
        for port in old.keys() - ports.keys():
            self._network.unplug(port, old[port])
        self._ports[key] = ports
        if key in unmet:
            unmet.discard(key)
            if not unmet:
                self._sweep(set())
        state = state_of(found)
        if not offer:
            return state
        live = wanted.generation if spec.get("live") else None
        return state | {"offer": self._moves.offer(key, offer, live)}

    def remove(self, key: str) -> None:
        """Destroy the guest, then take its taps away."""
        self._moves.withdraw(key)
        self._found_standing().discard(key)
        self._driver.remove(key)
        for port, tap in self._ports.get(key, {}).items():
            self._network.unplug(port, tap)
        if self._ports.pop(key, None) is None:
            self._sweep({found.id for found in self._driver.observe()})

    def _found_standing(self) -> set[str]:
        """The guests that this agent found when it started and has not been told of since."""
        with self._lock:
            if self._unmet is None:
                self._unmet = {found.id for found in self._driver.observe()}
            return self._unmet

    def _sweep(self, guests: set[str]) -> None:
        """Unplug the taps of no guest, provided that every guest's own are known."""
        # Taps first: one that is plugged after this is in `_ports` by then.
        plugged = self._network.plugged()
        known = dict(self._ports)
        if not guests <= known.keys():
            return
        mine = {port for ports in known.values() for port in ports}
        for port in plugged.keys() - mine:
            self._network.unplug(port, plugged[port])

    def observe(self) -> Mapping[str, Mapping[str, Any]]:
        """What every guest on this host is now."""
        found = {one.id: state_of(one) for one in self._driver.observe()}
        self._sweep(set(found))
        for key, state in found.items():
            offer = self._moves.offered(key)
            if offer is not None:
                state["offer"] = offer
        return found

    def leftovers(self) -> Iterable[str]:
        """Guests whose disks are on this host, whether they are there themselves or not."""
        return self._driver.folders() if isinstance(self._driver, GuestFolders) else ()
