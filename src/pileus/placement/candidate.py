"""Allocation candidates over HTTP."""

import re
from collections.abc import Collection, Mapping

from ..core.errors import BadRequest
from ..core.types import Enum, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer
from .candidate_view import render
from .index import Index
from .names import check_traits
from .place import asked_at
from .query import BAD_VALUE, Asked, asked, check_clash, check_names, trait_sets
from .search import Wish, search, slots_of

_PLAIN = {"limit": (1, 16), "group_policy": (1, 25), "root_required": (1, 35)}
_PLAIN |= {"same_subtree": (1, 36)}
_GROUPED = {"resources": (1, 10), "required": (1, 17), "member_of": (1, 21), "in_tree": (1, 31)}
_MISSING = "placement.query.missing_value"
_LIMIT = Text(18, 1, "[1-9][0-9]*")


def _list(ctx: Context) -> Response:
    wish, limit = _wish(ctx), _limit(ctx)
    with ctx.parts[Index].columns(ctx.tx) as columns:
        rows = search(columns, wish, limit)
        body = render(columns, slots_of(wish), rows, ctx.version, wish.nested)
    return answer(ctx, body)


def _schema(ctx: Context) -> list[str]:
    """The request groups in the order of the query.

    Raises BadRequest for an unknown key, and for what can be seen to be wrong in a value alone.
    """
    _limit(ctx)
    policy = ctx.request.get("group_policy")
    if policy is not None:
        Enum("none", "isolate").read(policy, asked_at(ctx, "group_policy"))
    suffixes = _suffixes(ctx)
    if ctx.version < (1, 25) and "" not in suffixes:
        raise asked_at(ctx, "").missing("resources")
    return suffixes


def _suffixes(ctx: Context) -> list[str]:
    suffix = "" if ctx.version < (1, 25) else "([1-9][0-9]*)?"
    if ctx.version >= (1, 33):
        suffix = "([a-zA-Z0-9_-]{1,64})?"
    found: dict[str, None] = {}
    for key, _ in ctx.request.query:
        if key in _PLAIN and ctx.version >= _PLAIN[key]:
            continue
        for prefix, since in _GROUPED.items():
            if ctx.version >= since and re.fullmatch(prefix + suffix, key):
                found[key[len(prefix) :]] = None
                break
        else:
            if ctx.version < (1, 25):
                raise asked_at(ctx, "").unknown(key)
            forms = ", ".join(f"'^{prefix}{suffix}$'" for prefix in sorted(_GROUPED))
            raise BadRequest(
                f"Invalid query string parameters: {key[:120]!r} does not match any of the regexes:"
                f" {forms} (microversion 1.{ctx.version[1]})."
            )
    return list(found)


def _wish(ctx: Context) -> Wish:
    suffixes = _schema(ctx)
    required, forbidden = _root_traits(ctx)
    subtrees = _subtrees(ctx)
    groups = {suffix: asked(ctx, suffix) for suffix in suffixes}
    if ctx.version >= (1, 36):
        _check_subtrees(groups, frozenset().union(*subtrees))
    else:
        _check_orphans(groups)
    check_clash(groups)
    policy = ctx.request.get("group_policy")
    if policy is None and len([suffix for suffix in groups if suffix]) > 1:
        raise BadRequest(
            'The "group_policy" parameter is required when specifying more than one'
            ' "resources{N}" parameter.'
        )
    check_names(ctx.tx, groups.values())
    check_traits(ctx.tx, required | forbidden)
    return Wish(groups, policy == "isolate", required, forbidden, subtrees, ctx.version >= (1, 29))


def _check_subtrees(groups: Mapping[str, Asked], together: Collection[str]) -> None:
    bare = [suffix for suffix, group in groups.items() if not group.resources]
    if len(bare) == len(groups):
        raise BadRequest(
            "There must be at least one resources or resources[$S] parameter.", kind=_MISSING
        )
    if alone := [suffix for suffix in bare if suffix not in together]:
        raise BadRequest(
            "Resourceless suffixed group request should be specified in `same_subtree` query param:"
            f" bad group(s) - {alone}.",
            kind=BAD_VALUE,
        )
    if unknown := sorted(suffix for suffix in together if suffix not in groups):
        raise BadRequest(
            "Real suffixes should be specified in `same_subtree`:"
            f" {', '.join(unknown)[:120]} not found in {list(groups)}.",
            kind=BAD_VALUE,
        )


def _check_orphans(groups: Mapping[str, Asked]) -> None:
    """Before 1.36 every group has resources. Raises BadRequest."""
    bare = {suffix: group for suffix, group in groups.items() if not group.resources}
    if traits := [f"required{s}" for s, group in bare.items() if group.required]:
        raise BadRequest(
            "All traits parameters must be associated with resources.  Found the following orphaned"
            f" traits keys: {', '.join(traits)}"
        )
    if members := [
        f"member_of{s}" for s, group in bare.items() if group.member_of or group.outside
    ]:
        raise BadRequest(
            "All member_of parameters must be associated with resources. Found the following"
            f" orphaned member_of keys: {', '.join(members)}"
        )
    if bare:
        names = ", ".join(f"resources{suffix}" for suffix in bare)
        raise BadRequest(f"All request groups must specify resources. Missing: {names}.")
    if not groups:
        raise BadRequest("At least one request group (`resources` or `resources{$S}`) is required.")


def _subtrees(ctx: Context) -> list[frozenset[str]]:
    found = []
    for text in ctx.request.every("same_subtree"):
        suffixes = frozenset(one.strip() for one in text.split(","))
        if "" in suffixes:
            raise BadRequest(
                "Empty string (unsuffixed group) can not be specified in `same_subtree`",
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
    if clash := sorted(required & forbidden):
        raise BadRequest(
            "Conflicting required and forbidden traits found in root_required:"
            f" {', '.join(clash)}.",
            kind=BAD_VALUE,
        )
    return required, frozenset(forbidden)


def _limit(ctx: Context) -> int | None:
    text = ctx.request.get("limit")
    if text is None:
        return None
    _LIMIT.read(text, asked_at(ctx, "limit"))
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
