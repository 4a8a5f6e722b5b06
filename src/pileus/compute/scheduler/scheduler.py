"""Choosing a host: placement says where there is room, the filters ask the rest.

There are two roads. The quick one looks at the hosts with most memory free, one after the other,
however many there are; the other looks at all of them together, weighs them, and is the one that is
believed when there is none. Both ask the same filters and claim in the same transaction.
"""

from collections.abc import Mapping
from itertools import islice

from ... import placement
from ...core.db import Tx
from ..group import ServerGroup
from ..host import ComputeHost
from ..numa.pinning import pin, unpin
from ..numa.wanted import wanted
from ..server import Server
from .filters import checks
from .filters.group import HARD
from .funnel import Funnel, NoValidHost
from .phrase import phrase
from .scene import Scene
from .settings import Settings
from .weighers import chosen, memory_alone, ranked
from .wish import Wish

_EVERY = 1 << 30  # hosts: no limit
_LOOKS = 100  # hosts with room that are asked in vain before all are looked at together


class Scheduler:
    """Chooses hosts, by the operator's settings."""

    def __init__(self, index: placement.Index, settings: Settings) -> None:
        self._index, self.settings = index, settings

    def place(self, tx: Tx, server: Server, wish: Wish) -> ComputeHost:
        """Choose a host for the server and claim there what it needs.

        Raises NoValidHost, BadRequest for a wish that cannot be read, and placement.NoCapacity when
        others take what is left.
        """
        scene = Scene(tx, self.settings, wish)
        _in_turn(tx, scene)
        host = self._quick(tx, scene, server, wish)
        if host is None:
            host = self._best(tx, scene, wish)
            claim(tx, server, host, wish)
        return host

    def _quick(self, tx: Tx, scene: Scene, server: Server, wish: Wish) -> ComputeHost | None:
        if not memory_alone(scene):
            return None
        asked = list(checks(wish, scene))
        if wish.request is None:
            able = self._index.fitting(tx, wish.resources, "MEMORY_MB")
        else:
            able = self._index.fitting_trees(tx, wish.request, "MEMORY_MB")
        for id in islice(able, _LOOKS):
            host = tx.get(ComputeHost, id)
            if host is None or not all(keep(host) for _, keep in asked):
                continue
            if host.build_failures and self.settings.build_failure_weight_multiplier:
                continue
            try:
                claim(tx, server, host, wish)
            except placement.NoCapacity:
                self._index.changed(id)
            else:
                return host
        return None

    def _best(self, tx: Tx, scene: Scene, wish: Wish) -> ComputeHost:
        hosts, free, funnel = self._fitting(tx, scene, wish)
        if not hosts:
            raise NoValidHost(funnel)
        return chosen(scene, ranked(scene, free, hosts))

    def fitting(
        self, tx: Tx, wish: Wish
    ) -> tuple[list[ComputeHost], dict[str, Mapping[str, int]], Funnel]:
        """Every host that can take the server, what each has free, and what ruled the others out.

        Raises BadRequest for a wish that cannot be read.
        """
        return self._fitting(tx, Scene(tx, self.settings, wish), wish)

    def check(self, tx: Tx, host: ComputeHost, wish: Wish) -> None:
        """See that a server can stay on its host with the flavor and image of this wish.

        Room is not asked for: it is claimed. Raises NoValidHost.
        """
        steps = []
        scene = Scene(tx, self.settings, wish)
        scene.staying = True
        for text, keep in checks(wish, scene):
            steps.append((text, int(keep(host))))
            if not steps[-1][1]:
                raise NoValidHost(Funnel(1, steps))

    def _fitting(
        self, tx: Tx, scene: Scene, wish: Wish
    ) -> tuple[list[ComputeHost], dict[str, Mapping[str, int]], Funnel]:
        scene.everywhere = True
        free: dict[str, Mapping[str, int]]
        if wish.request is None:
            candidates, found = placement.candidates(tx, wish.resources, limit=_EVERY)
            (_, total), *steps = found.steps
            free = {one.provider_id: one.free for one in candidates}
        else:
            total, narrowed = self._index.narrowed(tx, wish.request)
            said = {phrase(wish, one.slot): len(one.left) for one in narrowed}
            steps = list(said.items())
            free = {id: {} for id in narrowed[-1].left}
        hosts = [host for host in tx.all(ComputeHost) if host.id in free] if free else []
        for text, keep in checks(wish, scene):
            if not hosts:
                break
            hosts = [host for host in hosts if keep(host)]
            steps.append((text, len(hosts)))
        return hosts, free, Funnel(total, steps)


def claim(tx: Tx, server: Server, host: ComputeHost, wish: Wish) -> None:
    """Claim what the wish needs of the host. Raises placement.NoCapacity."""
    asked = wanted(wish.flavor, wish.image) if wish.flavor else None
    if asked is not None and not pin(tx, server.id, host, asked):
        raise placement.NoCapacity(f"The NUMA cells of host {host.host} have no room for it.")
    if asked is None and wish.server_id:
        unpin(tx, server.id, host.id)  # what it had there with another flavor
    shares: Mapping[str, Mapping[str, int]] | None = {host.id: wish.resources}
    if wish.request is not None:
        shares = placement.way(tx, host.id, wish.request)
    if shares is None:
        raise placement.NoCapacity(f"The providers of host {host.host} cannot give all of it.")
    placement.claim_tree(tx, server.id, server.project_id, server.user_id, host.id, shares)


def _in_turn(tx: Tx, scene: Scene) -> None:
    """Of two members of a group that look for a host at once, one sees where the other is.

    Both write the group's row: the second fails to serialise, and runs again.
    """
    group = scene.group
    if group is not None and group.policy in HARD:
        tx.line("server_group", group.id)
        tx.set(ServerGroup, ServerGroup.id == group.id, policy=group.policy)
