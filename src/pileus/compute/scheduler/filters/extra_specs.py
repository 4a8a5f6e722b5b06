"""Extra specs that ask something of a host's aggregates, or of what the host says of itself.

A key without a scope asks the aggregates: one that asked both would be met by no host.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from ...host import ComputeHost
from ..scene import Scene
from ..wish import Wish
from .check import Check
from .facts import value_of
from .operators import matches

_AGGREGATES, _CAPABILITIES = "aggregate_instance_extra_specs", "capabilities"


def aggregates(wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateInstanceExtraSpecsFilter: metadata of an aggregate of the host is as asked."""
    for key, asked in sorted(wish.specs.items()):
        scope, _, name = key.rpartition(":")
        if scope not in ("", _AGGREGATES) or key in _UNSCOPED:
            continue
        yield f"in an aggregate with {name} {asked}", partial(_said, scene.values(name), asked)


def _said(values: Mapping[str, Sequence[str]], asked: str, host: ComputeHost) -> bool:
    said = [one.strip() for text in values.get(host.host, ()) for one in text.split(",")]
    return any(matches(one, asked) for one in said)


def capabilities(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """ComputeCapabilitiesFilter: the host says of itself what is asked."""
    for key, asked in sorted(wish.specs.items()):
        scope, *path = key.split(":")
        if scope != _CAPABILITIES or not path:
            continue
        yield f"{' '.join(path)} {asked}", partial(_is, path, asked)


def _is(path: Sequence[str], asked: str, host: ComputeHost) -> bool:
    value = value_of(host, path)
    return value is not None and matches(value, asked)


# Keys without a scope that have a meaning of their own.
_UNSCOPED = ("group_policy", "hide_hypervisor_id")
