"""Choosing a host: placement says where there is room, the rest is asked here.

`place` is quick however many hosts there are; `choose` looks at all of them, and is the one that is
believed when there is none.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .. import placement
from ..core.db import Tx
from .group import ServerGroup
from .host import ComputeHost
from .server import Server, live

_WEIGHED = "MEMORY_MB"  # the host with the most of it free is chosen
_EVERY = 1 << 30  # hosts: no limit
_LOOKS = 100  # hosts with room that are asked in vain before all are looked at together


@dataclass(frozen=True)
class Funnel:
    """How many hosts there were, and how many each constraint left, in the order of asking."""

    total: int
    steps: Sequence[tuple[str, int]]

    def __str__(self) -> str:
        parts = [f"{self.total} host{'' if self.total == 1 else 's'} at the start"]
        parts += [f"{text} left {left}" for text, left in self.steps]
        return "; ".join(parts)

    def view(self) -> dict[str, Any]:
        """As it is stored and shown."""
        before = [self.total, *(left for _, left in self.steps)]
        return {
            "hosts": self.total,
            "steps": [
                {"constraint": text, "removed": had - left, "left": left}
                for had, (text, left) in zip(before, self.steps, strict=False)
            ],
        }


class NoValidHost(Exception):
    """No host can take the server; the message says how many each constraint left."""

    def __init__(self, funnel: Funnel) -> None:
        super().__init__(f"No valid host was found: {funnel}.")
        self.funnel = funnel


@dataclass(frozen=True)
class Wish:
    """What a server needs of a host."""

    resources: Mapping[str, int]
    zone: str = ""
    host: str = ""  # this one and no other
    group_id: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    avoid: Collection[str] = ()  # hosts that have failed with it already


def needs(flavor: Mapping[str, Any], root_gb: int = 0) -> dict[str, int]:
    """What a server of this flavor takes of its host, by resource class."""
    disk = (flavor["disk"] or root_gb) + flavor["ephemeral"] + -(-flavor["swap"] // 1024)
    found = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": disk}
    return {name: amount for name, amount in found.items() if amount}


def wish_of(server: Server, host: str = "", avoid: Collection[str] = ()) -> Wish:
    """What a server that is there needs of another host; of `host` alone, where it is given."""
    resources = needs(server.flavor, server.disks[0]["size_gb"])
    return Wish(resources, server.zone, host, server.group_id, server.hints, avoid)


def place(tx: Tx, index: placement.Index, server: Server, wish: Wish) -> ComputeHost:
    """Choose a host for the server and claim there what it needs.

    Raises NoValidHost, and placement.NoCapacity when others take what is left.
    """
    host = _quick(tx, index, server, wish)
    if host is None:
        host = choose(tx, wish)
        _claim(tx, server, host, wish)
    return host


def _quick(tx: Tx, index: placement.Index, server: Server, wish: Wish) -> ComputeHost | None:
    filters = _filters(tx, wish)
    for id in islice(index.fitting(tx, wish.resources, _WEIGHED), _LOOKS):
        host = tx.get(ComputeHost, id)
        if host is None or not all(keep(host) for _, keep in filters):
            continue
        try:
            _claim(tx, server, host, wish)
        except placement.NoCapacity:
            index.changed(id)
        else:
            return host
    return None


def _claim(tx: Tx, server: Server, host: ComputeHost, wish: Wish) -> None:
    who = (server.project_id, server.user_id)
    placement.claim(tx, server.id, *who, host.id, wish.resources)


def choose(tx: Tx, wish: Wish) -> ComputeHost:
    """The fitting host with the most memory left. Raises NoValidHost."""
    hosts, free, funnel = fitting(tx, wish)
    if not hosts:
        raise NoValidHost(funnel)
    return max(hosts, key=lambda host: (free[host.id].get(_WEIGHED, 0), host.host))


def fitting(tx: Tx, wish: Wish) -> tuple[list[ComputeHost], dict[str, Mapping[str, int]], Funnel]:
    """Every host that can take the server, what each has free, and what ruled the others out."""
    candidates, found = placement.candidates(tx, wish.resources, limit=_EVERY)
    steps = list(found.steps[1:])
    free = {one.provider_id: one.free for one in candidates}
    hosts = [host for host in tx.all(ComputeHost) if host.id in free] if free else []
    for text, keep in _filters(tx, wish):
        if not hosts:
            break
        hosts = [host for host in hosts if keep(host)]
        steps.append((text, len(hosts)))
    return hosts, free, Funnel(found.steps[0][1], steps)


def _filters(tx: Tx, wish: Wish) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [
        ("enabled and up", lambda h: not h.disabled and h.up(tx)),
    ]
    if wish.zone:
        found.append((f"availability zone {wish.zone}", lambda h: h.zone == wish.zone))
    if wish.host:
        found.append((f"host {wish.host}", lambda h: wish.host in (h.host, h.hostname)))
    if wish.avoid:
        found.append(("not tried before", lambda h: h.host not in wish.avoid))
    return found + _hinted(tx, wish)


def _hinted(tx: Tx, wish: Wish) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for hint, keep in (("same_host", True), ("different_host", False)):
        ids = wish.hints.get(hint)
        if ids:
            near = _hosts_of(tx, [ids] if isinstance(ids, str) else list(ids))
            found.append((hint, lambda h, near=near, keep=keep: (h.host in near) == keep))
    group = tx.get(ServerGroup, wish.group_id) if wish.group_id else None
    if group is None:
        return found
    counts = _members_on(tx, group.id)
    if group.policy in ("affinity", "soft-affinity") and counts:
        if group.policy == "affinity":
            found.append(("server group affinity", lambda h: h.host in counts))
    elif group.policy == "anti-affinity":
        most = int(group.rules.get("max_server_per_host", 1))
        found.append(("server group anti-affinity", lambda h: counts.get(h.host, 0) < most))
    return found


def _hosts_of(tx: Tx, ids: list[str]) -> set[str]:
    return {s.host for s in tx.all(Server, Server.id.in_(ids), live()) if s.host}


def _members_on(tx: Tx, group_id: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for member in tx.all(Server, Server.group_id == group_id, live()):
        if member.host:
            found[member.host] = found.get(member.host, 0) + 1
    return found
