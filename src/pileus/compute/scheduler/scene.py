"""What filters and weighers ask of the hosts: each thing is read once, and only if it is asked for.

Every reading is of all hosts together, so that asking for one host after the other stays cheap.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa

from ... import placement
from ...core.db import Tx
from ..aggregate import ZONE_KEY, Aggregate, AggregateHost
from ..driver import GuestCell
from ..group import ServerGroup
from ..host import ComputeHost
from ..migration import OPEN, Migration
from ..numa.pinning import taken
from ..pci.provider import free
from ..server import Server, live
from .settings import Settings
from .wish import Wish

# What a host's disks are busy with.
_BUSY = (
    "spawning",
    "rebuilding",
    "migrating",
    "resize_prep",
    "resize_migrating",
    "resize_reverting",
    "shelving",
    "shelving_image_uploading",
    "unshelving",
    "image_backup",
    "image_snapshot",
    "image_snapshot_pending",
    "image_uploading",
)


class Scene:
    """The hosts as one wish finds them, in one transaction."""

    def __init__(self, tx: Tx, settings: Settings, wish: Wish) -> None:
        self.tx, self.settings, self._wish = tx, settings, wish
        self.everywhere = False  # whether all hosts are asked, rather than a few
        self.staying = False  # whether the server is on the host, and is to be something else there
        self._everyones: dict[str, list[GuestCell]] | None = None
        self._hosts: dict[str, list[str]] = {}  # of each aggregate whose hosts were asked for

    @cached_property
    def aggregates(self) -> list[Aggregate]:
        """The aggregates that say anything beside their zone."""
        return [one for one in self.tx.all(Aggregate) if one.meta.keys() - {ZONE_KEY}]

    def said(self, about: Callable[[str], bool]) -> dict[str, list[dict[str, str]]]:
        """Of each host the metadata of every aggregate of its, as far as it is about this key."""
        metas = {
            one.uuid: {key: str(value) for key, value in one.meta.items() if about(key)}
            for one in self.aggregates
        }
        telling = [uuid for uuid, meta in metas.items() if meta]
        found: dict[str, list[dict[str, str]]] = {}
        for uuid, hosts in self._members(telling).items():
            for host in hosts:
                found.setdefault(host, []).append(metas[uuid])
        return found

    def _members(self, uuids: Sequence[str]) -> dict[str, list[str]]:
        """The hosts of these aggregates, read once: other aggregates may have very many."""
        new = [uuid for uuid in uuids if uuid not in self._hosts]
        self._hosts |= {uuid: [] for uuid in new}
        for row in self.tx.all(AggregateHost, aggregate_id=new) if new else []:
            self._hosts[row.aggregate_id].append(row.host)
        return {uuid: self._hosts[uuid] for uuid in uuids}

    def values(self, key: str) -> dict[str, list[str]]:
        """What the aggregates of each host say under this key."""
        said = self.said(lambda name: name == key)
        return {host: [meta[key] for meta in metas] for host, metas in said.items()}

    def smallest(self, key: str) -> dict[str, float]:
        """The smallest number that a host's aggregates say under this key."""
        found: dict[str, float] = {}
        for host, texts in self.values(key).items():
            numbers = [n for text in texts if (n := number(text)) is not None]
            if numbers:
                found[host] = min(numbers)
        return found

    @cached_property
    def servers_on(self) -> Mapping[str, int]:
        """How many servers each host has, without the one that looks for a host."""
        return self._counted(busy=False)

    @cached_property
    def busy_on(self) -> Mapping[str, int]:
        """How many servers of each host are being made, moved or copied."""
        return self._counted(busy=True)

    def _counted(self, busy: bool) -> Mapping[str, int]:
        rows = self.tx.execute(_on_hosts(busy), {"own": self._wish.server_id})
        return {row[0]: row[1] for row in rows}

    @cached_property
    def group(self) -> ServerGroup | None:
        """The group that the server belongs to."""
        group_id = self._wish.group_id
        return self.tx.get(ServerGroup, group_id) if group_id else None

    @cached_property
    def mates_on(self) -> Mapping[str, int]:
        """How many other members of its group each host has.

        One that is on its way counts on both hosts: it may stay on either.
        """
        group = self.group
        if group is None:
            return {}
        where = (Server.group_id == group.id, live(), Server.id != self._wish.server_id)
        hosts = {one.id: {one.host} for one in self.tx.all(Server, *where) if one.host}
        for row in self.tx.all(Migration, server_id=list(hosts), status=OPEN) if hosts else []:
            hosts[row.server_id] |= {row.source_host, row.dest_host}
        found: dict[str, int] = {}
        for host in (host for names in hosts.values() for host in names if host):
            found[host] = found.get(host, 0) + 1
        return found

    def cells_taken(self, host: ComputeHost) -> Sequence[GuestCell]:
        """What other guests have of a host's NUMA cells."""
        own = self._wish.server_id
        if self.everywhere:
            if self._everyones is None:
                self._everyones = taken(self.tx, own)
            return self._everyones.get(host.id, [])
        return taken(self.tx, own, host.id).get(host.id, [])

    def with_trait(self, name: str) -> frozenset[str]:
        """The ids of the providers that have this trait, hosts and what is below them."""
        return placement.with_trait(self.tx, name)

    @cached_property
    def free_devices(self) -> Mapping[str, int]:
        """How many PCI devices that nobody has each host has, by the hosts' ids."""
        return free(self.tx)

    @cached_property
    def held(self) -> frozenset[str]:
        """The ids of the providers of which the server has something."""
        return frozenset(placement.holdings(self.tx, self._wish.server_id))


def number(text: str) -> float | None:
    """The number that this text is, if it is one that can be compared."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


@cache
def _on_hosts(busy: bool) -> "sa.Select[Any]":
    c = Server.table.c
    query = sa.select(c.host, sa.func.count()).where(
        c.deleted_at.is_(None), c.host.is_not(None), c.id != sa.bindparam("own")
    )
    if busy:
        query = query.where(c.task_state.in_(_BUSY))
    return query.group_by(c.host)
