"""What a server asks of the scheduler."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ... import placement
from ..demand import beyond, groups, isolated, needs, traits
from ..server import Server


@dataclass(frozen=True)
class Wish:
    """What a server needs of a host.

    flavor: as a server keeps it. image: the image's properties.
    """

    resources: Mapping[str, int]
    zone: str = ""
    host: str = ""  # this one and no other
    group_id: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    avoid: Collection[str] = ()  # hosts that are none for it
    why_avoid: str = "another host"
    like: str = ""  # a host: the guest runs there, and goes on only on a machine like its own
    flavor: Mapping[str, Any] = field(default_factory=dict)
    image: Mapping[str, str] = field(default_factory=dict)
    image_id: str | None = None
    project_id: str = ""
    server_id: str = ""  # of a server that is there; it is in nobody's way but others'

    @property
    def specs(self) -> Mapping[str, str]:
        """The flavor's extra specs."""
        found: Mapping[str, str] = self.flavor.get("extra_specs", {})
        return found

    @cached_property
    def request(self) -> placement.Request | None:
        """What is asked of all of a host's providers; None where its own has to give everything."""
        if not beyond(self.flavor, self.image):
            return None
        each = tuple(frozenset({name}) for name in sorted(self.required))
        own = {"": placement.Group(dict(self.resources), each, self.forbidden)}
        root = (self.required, self.forbidden)
        if self.resources:
            root = (frozenset(), frozenset())
        else:
            own = {}  # nobody gives anything by which the traits could be had
        every = own | groups(self.flavor)
        return placement.Request(every, isolated(self.flavor), *root, alone=True)

    @property
    def every_trait(self) -> frozenset[str]:
        """Traits that something of the host has."""
        each = [options for group in groups(self.flavor).values() for options in group.required]
        return self.required.union(*each)

    @property
    def required(self) -> frozenset[str]:
        """Traits that the host has."""
        return traits(self.flavor, self.image)[0]

    @property
    def forbidden(self) -> frozenset[str]:
        """Traits that the host has not."""
        return traits(self.flavor, self.image)[1]


def wish_of(
    server: Server, host: str = "", avoid: Collection[str] = (), why_avoid: str = "another host"
) -> Wish:
    """What a server that is there needs of another host; of `host` alone, where it is given."""
    return Wish(
        resources=needs(server.flavor, server.disks[0]["size_gb"], server.image_properties),
        zone=server.zone,
        host=host,
        group_id=server.group_id,
        hints=server.hints,
        avoid=avoid,
        why_avoid=why_avoid,
        flavor=server.flavor,
        image=server.image_properties,
        image_id=server.image_id,
        project_id=server.project_id,
        server_id=server.id,
    )


def resized(wish: Wish, flavor: Mapping[str, Any], root_gb: int) -> Wish:
    """The same server's with another flavor."""
    return replace(wish, flavor=flavor, resources=needs(flavor, root_gb, wish.image))
