"""Allocation candidates: every way to satisfy a request from trees of providers.

A tree's pool is its own providers and those that share with it: marked
MISC_SHARES_VIA_AGGREGATE and in an aggregate with one of the tree's. The unsuffixed group may
spread over the pool, a suffixed group comes from one provider.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from .picture import Picture
from .query import Asked

# One way to satisfy a group: {(provider, resource class): amount}, and the providers it uses.
Way = tuple[Mapping[tuple[str, str], int], frozenset[str]]


@dataclass(frozen=True)
class Wish:
    """A whole request.

    groups: by suffix; "" is the one that may spread. root_required, root_forbidden: traits of the
    tree's root. subtrees: sets of suffixes whose providers must lie below one of them.
    """

    groups: Mapping[str, Asked]
    isolate: bool = False
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    subtrees: Sequence[frozenset[str]] = ()
    nested: bool = True  # whether one tree may give through several of its providers


@dataclass(frozen=True)
class Found:
    """One candidate: what to allocate of whom, and which providers satisfy which group."""

    shares: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, Sequence[str]]


def search(picture: Picture, wish: Wish, limit: int | None = None) -> list[Found]:
    """At most `limit` candidates, in the order of their roots' names."""
    found: dict[tuple[object, ...], Found] = {}
    for root in picture.roots:
        traits = picture.traits(root)
        if not wish.root_required <= traits or wish.root_forbidden & traits:
            continue
        for one in _of_root(picture, wish, root):
            # A candidate of shared providers alone shows up under every tree they share with.
            found.setdefault(_identity(one), one)
            if limit is not None and len(found) >= limit:
                return list(found.values())
    return list(found.values())


def _identity(one: Found) -> tuple[object, ...]:
    shares = tuple(sorted((p, tuple(sorted(r.items()))) for p, r in one.shares.items()))
    return shares, tuple(sorted((s, tuple(p)) for s, p in one.mappings.items()))


def _of_root(picture: Picture, wish: Wish, root: str) -> Iterator[Found]:
    pool = picture.pool(root)
    ways = []
    for suffix, group in wish.groups.items():
        options = list(
            _single(picture, group, pool) if suffix else _spread(picture, group, pool, root)
        )
        if not options:
            return
        ways.append((suffix, options))
    yield from _combine(picture, wish, ways, {}, {})


def _combine(
    picture: Picture,
    wish: Wish,
    ways: Sequence[tuple[str, list[Way]]],
    total: Mapping[tuple[str, str], int],
    chosen: Mapping[str, frozenset[str]],
) -> Iterator[Found]:
    if not ways:
        if _allowed(picture, wish, total, chosen):
            yield _found(total, chosen)
        return
    suffix, options = ways[0]
    for amounts, providers in options:
        if wish.isolate and suffix and any(s and p & providers for s, p in chosen.items()):
            continue
        sums = dict(total)
        for key, amount in amounts.items():
            sums[key] = sums.get(key, 0) + amount
        if all(picture.has(*key, sums[key]) for key in amounts):
            yield from _combine(picture, wish, ways[1:], sums, {**chosen, suffix: providers})


def _found(total: Mapping[tuple[str, str], int], chosen: Mapping[str, frozenset[str]]) -> Found:
    shares: dict[str, dict[str, int]] = {}
    for (provider, name), amount in total.items():
        shares.setdefault(provider, {})[name] = amount
    return Found(shares, {suffix: sorted(providers) for suffix, providers in chosen.items()})


def _allowed(
    picture: Picture,
    wish: Wish,
    total: Mapping[tuple[str, str], int],
    chosen: Mapping[str, frozenset[str]],
) -> bool:
    if not wish.nested:
        givers = {provider for provider, _ in total}
        if len({picture.root_of(provider) for provider in givers}) < len(givers):
            return False
    for suffixes in wish.subtrees:
        together = frozenset[str]().union(*(chosen[s] for s in suffixes))
        lines = [picture.ancestry(provider) for provider in together]
        if not together & frozenset.intersection(*lines):
            return False
    return True


def _single(picture: Picture, group: Asked, pool: Sequence[str]) -> Iterator[Way]:
    tree = picture.root_of(group.in_tree) if group.in_tree else None
    for provider in pool:
        traits, aggregates = picture.traits(provider), picture.aggregates(provider)
        if (
            (not group.in_tree or picture.root_of(provider) == tree)
            and all(options & traits for options in group.required)
            and not group.forbidden & traits
            and all(options & aggregates for options in group.member_of)
            and not group.outside & aggregates
            and all(picture.fits(provider, n, a) for n, a in group.resources.items())
        ):
            amounts = {(provider, name): amount for name, amount in group.resources.items()}
            yield amounts, frozenset([provider])


def _spread(picture: Picture, group: Asked, pool: Sequence[str], root: str) -> Iterator[Way]:
    if group.in_tree:
        if picture.root_of(group.in_tree) != root:
            return
        pool = [p for p in pool if picture.root_of(p) == root]
    # An aggregate of the root counts for its whole tree.
    near = [p for p in pool if _near(picture, group, p, root)]
    givers = [
        [p for p in near if picture.fits(p, name, amount)]
        for name, amount in group.resources.items()
    ]
    for choice in product(*givers):
        traits = frozenset[str]().union(*(picture.traits(p) for p in choice))
        if all(options & traits for options in group.required) and not group.forbidden & traits:
            amounts = {
                (p, name): amount
                for p, (name, amount) in zip(choice, group.resources.items(), strict=True)
            }
            yield amounts, frozenset(choice)


def _near(picture: Picture, group: Asked, provider: str, root: str) -> bool:
    own, roots = picture.aggregates(provider), picture.aggregates(root)
    inside = all(options & own for options in group.member_of) or all(
        options & roots for options in group.member_of
    )
    return inside and not group.outside & (own | roots)
