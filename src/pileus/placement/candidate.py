"""Allocation candidates over HTTP."""

import re
from collections.abc import Iterable, Mapping

from ..core.errors import BadRequest
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer
from .candidate_view import render
from .index import Index
from .names import check_traits
from .query import BAD_VALUE, Asked, asked, trait_sets
from .search import Wish, search, slots_of

_PLAIN = {"limit": (1, 16), "group_policy": (1, 25), "root_required": (1, 35)}
_PLAIN |= {"same_subtree": (1, 36)}
_GROUPED = {"resources": (1, 10), "required": (1, 17), "member_of": (1, 21), "in_tree": (1, 31)}
_MISSING = "placement.query.missing_value"


def _list(ctx: Context) -> Response:
    wish, limit = _wish(ctx), _limit(ctx)
    with ctx.parts[Index].columns(ctx.tx) as columns:
        rows = search(columns, wish, limit)
        body = render(columns, slots_of(wish), rows, ctx.version, wish.nested)
    return answer(ctx, body)


def _suffixes(ctx: Context) -> list[str]:
    """The request groups in the order of the query. Raises BadRequest for an unknown key."""
    suffix = "" if ctx.version < (1, 25) else "(|[1-9][0-9]*)"
    if ctx.version >= (1, 33):
        suffix = "(|[a-zA-Z0-9_-]{1,64})"
    found: dict[str, None] = {}
    for key, _ in ctx.request.query:
        if key in _PLAIN and ctx.version >= _PLAIN[key]:
            continue
        for prefix, since in _GROUPED.items():
            if ctx.version >= since and re.fullmatch(prefix + suffix, key):
                found[key[len(prefix) :]] = None
                break
        else:
            raise BadRequest(
                "Invalid query string parameters: Additional properties are not allowed"
                f" ({key[:80]!r} was unexpected in microversion 1.{ctx.version[1]})."
            )
    return list(found)


def _wish(ctx: Context) -> Wish:
    groups = {suffix: asked(ctx, suffix) for suffix in _suffixes(ctx)}
    subtrees = _subtrees(ctx, groups)
    _check_resources(ctx, groups, subtrees)
    policy = ctx.request.get("group_policy")
    if policy not in (None, "none", "isolate"):
        raise BadRequest(f"group_policy is none or isolate, not {policy[:40]!r}.")
    if policy is None and len([suffix for suffix in groups if suffix]) > 1:
        raise BadRequest(
            'The "group_policy" parameter is required when specifying more than one'
            ' "resources{N}" parameter.'
        )
    required, forbidden = _root_traits(ctx)
    return Wish(groups, policy == "isolate", required, forbidden, subtrees, ctx.version >= (1, 29))


def _check_resources(
    ctx: Context, groups: Mapping[str, Asked], subtrees: Iterable[frozenset[str]]
) -> None:
    if not any(group.resources for group in groups.values()):
        raise BadRequest(
            "There must be at least one resources or resources[$S] parameter.", kind=_MISSING
        )
    bare = [suffix for suffix, group in groups.items() if not group.resources]
    if ctx.version >= (1, 36):
        bare = [suffix for suffix in bare if not any(suffix in tree for tree in subtrees)]
    if bare:
        names = ", ".join(f"resources{suffix}" for suffix in bare)
        raise BadRequest(
            f"All request groups must specify resources; {names} is missing. From 1.36 a group may"
            " go without when same_subtree names it.",
            kind=BAD_VALUE,
        )


def _subtrees(ctx: Context, groups: Mapping[str, Asked]) -> list[frozenset[str]]:
    found = []
    for text in ctx.request.every("same_subtree"):
        suffixes = frozenset(one.strip() for one in text.split(","))
        unknown = sorted(suffixes - groups.keys() | (suffixes & {""}))
        if unknown:
            raise BadRequest(
                "Real suffixes should be specified in `same_subtree`:"
                f" {', '.join(map(repr, unknown))[:120]} not found in {sorted(groups)}.",
                kind=BAD_VALUE,
            )
        found.append(suffixes)
    return found


def _root_traits(ctx: Context) -> tuple[frozenset[str], frozenset[str]]:
    values = ctx.request.every("root_required")
    if len(values) > 1:
        raise BadRequest(
            "Query parameter 'root_required' may be specified only once.",
            kind="placement.query.duplicate_key",
        )
    if not values:
        return frozenset(), frozenset()
    sets, forbidden = trait_sets(values[0], "root_required", any_of=False, negative=True)
    required = frozenset[str]().union(*sets)
    check_traits(ctx.tx, required | forbidden)
    if clash := sorted(required & forbidden):
        raise BadRequest(
            f"Conflicting required and forbidden traits found in root_required: {clash}.",
            kind=BAD_VALUE,
        )
    return required, frozenset(forbidden)


def _limit(ctx: Context) -> int | None:
    text = ctx.request.get("limit")
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,17}", text):
        raise BadRequest(f"limit must be a positive integer, not {text[:40]!r}.")
    return int(text)


ROUTES = (
    Route(
        "GET",
        "/allocation_candidates",
        _list,
        "placement:allocation_candidates:list",
        since=(1, 10),
    ),
)
