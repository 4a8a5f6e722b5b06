"""What a server asks of its host: amounts of resource classes, and traits.

The flavor says most of it, by its size and its extra specs; the image may ask for more. What has no
suffix may come from several providers of the host, each group with a suffix comes from one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .. import placement
from ..core.errors import BadRequest
from ..host.processors import parse
from .pci.provider import GONE

Image = Mapping[str, str]
Flavor = Mapping[str, Any]

_SPEC = re.compile(r"(resources|trait)([A-Za-z0-9_-]{0,64}):([A-Z0-9_]+)")
_PROCESSORS = frozenset({"VCPU", "PCPU"})
# What every host's own provider has.
_USUAL = _PROCESSORS | {"MEMORY_MB", "DISK_GB"}
_NONE: Image = {}
_MOST_GROUPS = 64
_MASK, _REALTIME = "hw:cpu_dedicated_mask", "hw:cpu_realtime_mask"


def needs(flavor: Flavor, root_gb: int = 0, image: Image = _NONE) -> dict[str, int]:
    """What a server of this flavor and image takes without a suffix, by resource class.

    root_gb: the root disk's size where the flavor leaves it to the image. A class that any of the
    extra specs names is taken as these say, 0 of it not at all; the others as the size says.
    """
    disk = (flavor["disk"] or root_gb) + flavor["ephemeral"] + -(-flavor["swap"] // 1024)
    found = _processors(flavor, image) | {"MEMORY_MB": flavor["ram"], "DISK_GB": disk}
    named = list(_resources(flavor))
    found |= dict.fromkeys((name for _, name, _ in named), 0)
    found |= {name: amount for suffix, name, amount in named if not suffix}
    return {name: amount for name, amount in found.items() if amount}


def _processors(flavor: Flavor, image: Image) -> dict[str, int]:
    own = len(dedicated(flavor, image))
    if own:
        return {"PCPU": own, "VCPU": flavor["vcpus"] - own}
    if any(name in _PROCESSORS for _, name, _ in _resources(flavor)):
        return {}
    return {"VCPU": flavor["vcpus"]}


def takes(flavor: Flavor, root_gb: int = 0, image: Image = _NONE) -> dict[str, int]:
    """All that it takes of its host, by resource class, with and without a suffix."""
    found = needs(flavor, root_gb, image)
    for group in groups(flavor).values():
        for name, amount in group.resources.items():
            found[name] = found.get(name, 0) + amount
    return found


def groups(flavor: Flavor) -> dict[str, placement.Group]:
    """What it takes of one provider each, by suffix. Raises BadRequest for traits of nothing."""
    return _suffixed(flavor) | {suffix: group for suffix, (_, group) in devices(flavor).items()}


def _suffixed(flavor: Flavor) -> dict[str, placement.Group]:
    amounts: dict[str, dict[str, int]] = {}
    for suffix, name, amount in _resources(flavor):
        if suffix and amount:
            amounts.setdefault(suffix, {})[name] = amount
    asked: dict[str, tuple[set[str], set[str]]] = {}
    for suffix, name, word in _traits(flavor):
        if suffix:
            required, forbidden = asked.setdefault(suffix, (set(), set()))
            (required if word == "required" else forbidden).add(name)
    for suffix in asked.keys() - amounts.keys():
        raise BadRequest(
            f"The flavor's trait{suffix}: is about nothing: there is no resources{suffix}: of which"
            " something is taken."
        )
    found = {}
    for suffix, resources in amounts.items():
        required, forbidden = asked.get(suffix, (set(), set()))
        each = tuple(frozenset({name}) for name in sorted(required))
        found[suffix] = placement.Group(resources, each, frozenset(forbidden))
    return found


def devices(flavor: Flavor) -> dict[str, tuple[str, placement.Group]]:
    """The PCI devices that it takes, each a group of its own: by suffix, with its alias."""
    found = {}
    for one in flavor.get("devices", ()):
        required = tuple(frozenset({name}) for name in one["traits"])
        group = placement.Group({one["class"]: 1}, required, frozenset({GONE}))
        for number in range(one["count"]):
            # No flavor's own suffix has a colon.
            found[f"{one['alias']}:{number}"] = one["alias"], group
    return found


def isolated(flavor: Flavor) -> bool:
    """Whether each group with a suffix has a provider of its own. Raises BadRequest."""
    policy = flavor.get("extra_specs", {}).get("group_policy")
    if policy is None and len(_suffixed(flavor)) > 1:
        raise BadRequest(
            "The flavor has more than one group of resources with a suffix and no group_policy: say"
            " none if one provider may give several of them, or isolate."
        )
    if len(_suffixed(flavor)) > _MOST_GROUPS:
        raise BadRequest(f"The flavor has more than {_MOST_GROUPS} groups with a suffix.")
    if policy not in (None, "none", "isolate"):
        raise BadRequest(f"The flavor's group_policy is {policy[:40]!r}: none or isolate.")
    return bool(policy == "isolate")


def beyond(flavor: Flavor, image: Image = _NONE) -> tuple[object, ...]:
    """What it asks that other providers than the host's own may give; empty for most flavors.

    A server that is given another flavor keeps what these gave it as long as this is equal.
    """
    if not flavor:
        return ()
    resources = needs(flavor, 0, image)
    unusual = {name: amount for name, amount in resources.items() if name not in _USUAL}
    own = groups(flavor)
    return (unusual, own, isolated(flavor)) if unusual or own else ()


def dedicated(flavor: Flavor, image: Image = _NONE) -> frozenset[int]:
    """Those of the guest's processors that have one of the host's each to themselves.

    Raises BadRequest for a mask that cannot be meant.
    """
    specs = _masks(flavor, image)
    policy, mask = specs.get("hw:cpu_policy") or image.get("hw_cpu_policy"), specs.get(_MASK)
    every = frozenset(range(flavor["vcpus"]))
    if policy == "mixed":
        # Who says which run in real time has said which are dedicated.
        given = _REALTIME if mask is None and _in_real_time(specs) else _MASK
        return _masked(specs, given, every)
    if mask is not None:
        raise BadRequest(
            f"The flavor's {_MASK} is for hw:cpu_policy=mixed, not for {policy or 'none'}."
        )
    return every if policy == "dedicated" else frozenset()


def realtime(flavor: Flavor, image: Image = _NONE) -> frozenset[int]:
    """Those of the guest's processors that run in real time, all of them dedicated ones.

    At least one does not: what QEMU does for the guest runs beside it. Raises BadRequest.
    """
    specs, own = _masks(flavor, image), dedicated(flavor, image)
    every = frozenset(range(flavor["vcpus"]))
    if not _in_real_time(specs):
        if _REALTIME in specs:
            raise BadRequest(f"The flavor's {_REALTIME} is for hw:cpu_realtime=yes.")
        return frozenset()
    if not own:
        raise BadRequest("The flavor's hw:cpu_realtime needs hw:cpu_policy dedicated or mixed.")
    if own != every and _REALTIME not in specs:
        return own
    found = _masked(specs, _REALTIME, every)
    if not found <= own:
        raise BadRequest(f"The flavor's {_REALTIME} names processors that are not dedicated.")
    return found


def _masks(flavor: Flavor, image: Image) -> Mapping[str, str]:
    """The flavor's extra specs; an image knows better which of its processors are to be quick."""
    specs: Mapping[str, str] = flavor.get("extra_specs", {})
    own = image.get("hw_cpu_realtime_mask")
    return specs if own is None or not _in_real_time(specs) else {**specs, _REALTIME: own}


def _in_real_time(specs: Mapping[str, str]) -> bool:
    return specs.get("hw:cpu_realtime", "").lower() in ("yes", "true", "on", "1", "y", "t")


def _masked(specs: Mapping[str, str], key: str, every: frozenset[int]) -> frozenset[int]:
    """The processors of a mask, such as 1-3, or ^0: all but the first. Never none, never all."""
    mask = specs.get(key)
    if mask is None:
        raise BadRequest(f"The flavor's {key} must say which processors are so, and which not.")
    try:
        found = parse(f"0-{max(every)},{mask}" if mask.strip().startswith("^") else mask)
    except ValueError as wrong:
        raise BadRequest(f"The flavor's {key} is {mask[:80]!r}: {wrong}.") from None
    if not found or not found < every:
        raise BadRequest(
            f"The flavor's {key} is {mask[:80]!r}: of processors 0 to {max(every)} at least one"
            " must be so, and one not."
        )
    return frozenset(found)


def traits(flavor: Flavor, image: Image = _NONE) -> tuple[frozenset[str], frozenset[str]]:
    """The traits that the host must have, and those that it must not have, without a suffix."""
    asked = [(name, word) for suffix, name, word in _traits(flavor) if not suffix]
    for key, value in image.items():
        named = _SPEC.fullmatch(key)
        if named and named[1] == "trait" and not named[2] and value == "required":
            asked.append((named[3], value))
    return (
        frozenset(name for name, word in asked if word == "required"),
        frozenset(name for name, word in asked if word == "forbidden"),
    )


def _resources(flavor: Flavor) -> Iterator[tuple[str, str, int]]:
    """(suffix, resource class, amount) of each extra spec that says one."""
    for suffix, name, value in _specs(flavor, "resources"):
        if value.isascii() and value.isdigit():
            yield suffix, name, int(value)


def _traits(flavor: Flavor) -> Iterator[tuple[str, str, str]]:
    """(suffix, trait, "required" or "forbidden")."""
    for suffix, name, value in _specs(flavor, "trait"):
        if value in ("required", "forbidden"):
            yield suffix, name, value


def _specs(flavor: Flavor, kind: str) -> Iterator[tuple[str, str, str]]:
    for key, value in sorted(flavor.get("extra_specs", {}).items()):
        named = _SPEC.fullmatch(key)
        if named and named[1] == kind:
            yield named[2], named[3], value
