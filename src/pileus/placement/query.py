"""What the query parameters of providers and candidates ask for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core.db import Tx
from ..core.errors import BadRequest
from ..core.types import Where, is_uuid
from ..wire.context import Context
from .body import UUID
from .names import check_classes, check_traits
from .rows import MOST

BAD_VALUE = "placement.query.bad_value"


@dataclass(frozen=True)
class Asked:
    """Conditions on a provider: all of them hold.

    resources: amounts that it can give. required: of each set it has one trait, of `forbidden`
    none. member_of: of each set it is in one aggregate, of `outside` in none.
    in_tree: a provider of the tree that it is in, or "".
    """

    resources: dict[str, int]
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    outside: frozenset[str] = frozenset()
    in_tree: str = ""


def check_keys(ctx: Context, allowed: set[str]) -> None:
    """Raises BadRequest for a query parameter that this microversion does not have."""
    for key, _ in ctx.request.query:
        if key not in allowed:
            raise BadRequest(
                f"Invalid query string parameters: Additional properties are not allowed"
                f" ({key[:80]!r} was unexpected; possible here: {', '.join(sorted(allowed))})."
            )


def asked(ctx: Context, suffix: str = "") -> Asked:
    """The conditions of one request group; their names may be unknown. Raises BadRequest."""
    resources = ctx.request.get(f"resources{suffix}")
    required, forbidden = _traits(ctx, f"required{suffix}")
    member_of, outside = _aggregates(ctx, f"member_of{suffix}")
    tree = ctx.request.get(f"in_tree{suffix}")
    return Asked(
        resources_of(resources) if resources is not None else {},
        required,
        forbidden,
        member_of,
        outside,
        _tree(tree) if tree is not None else "",
    )


def check_clash(groups: Mapping[str, Asked]) -> None:
    """Raises BadRequest when a group, by suffix, requires a trait that it forbids."""
    clashes = [
        f"required{suffix}: ({', '.join(sorted(options))})"
        for suffix, group in sorted(groups.items())
        for options in group.required
        if options <= group.forbidden
    ]
    if clashes:
        raise BadRequest(
            "Conflicting required and forbidden traits found in the following traits keys:"
            f" {', '.join(clashes)}."
        )


def check_names(tx: Tx, groups: Iterable[Asked]) -> None:
    """Raises BadRequest when a trait or resource class that a group names is unknown."""
    groups = list(groups)
    names = {name for group in groups for name in group.resources}
    check_classes(tx, names, "Invalid resource class in resources parameter: ")
    check_traits(tx, {t for group in groups for t in group.forbidden.union(*group.required)})


def resources_of(text: str) -> dict[str, int]:
    """ "VCPU:2,DISK_GB:10" as a map. Raises BadRequest."""
    found: dict[str, int] = {}
    for item in text.split(","):
        name, colon, amount = item.partition(":")
        if not name or not colon or ":" in amount:
            raise BadRequest(
                "Badly formed resources parameter. Expected resources query string parameter in"
                " form: ?resources=VCPU:2,MEMORY_MB:1024."
                f" Got: {item[:120] if text.strip() else 'empty string'}."
            )
        found[name] = _amount(name, amount)
    return found


def _amount(name: str, text: str) -> int:
    text = text.strip()
    wanted = f"Requested resource {name[:80]}"
    if not re.fullmatch("-?[0-9]+", text):
        raise BadRequest(f"{wanted} expected positive integer amount. Got: {text[:40]}.")
    if text.startswith("-") or not text.strip("0"):
        raise BadRequest(f"{wanted} requires amount >= 1. Got: {text[:40]}.")
    if len(text) > 10 or int(text) > MOST:
        raise BadRequest(f"{wanted} requires amount <= {MOST}. Got: {text[:40]}.")
    return int(text)


def trait_sets(
    text: str, name: str, any_of: bool, negative: bool
) -> tuple[list[frozenset[str]], set[str]]:
    """The required sets and the forbidden traits of one parameter. Raises BadRequest."""
    if text.startswith("in:"):
        return [_options(text, any_of)], set()
    required, forbidden = [], set()
    for item in (t.strip() for t in text.split(",")):
        bare = item.lstrip("!")
        if not bare or (bare != item and not negative):
            form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if negative else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
            raise BadRequest(
                "Invalid query string parameters: Expected 'required' parameter value of the form:"
                f" {form}. Got{'' if bare else ' an empty trait in'}: {text[:120]} ({name})."
            )
        if bare == item:
            required.append(frozenset([item]))
        else:
            forbidden.add(bare)
    return required, forbidden


def _options(text: str, any_of: bool) -> frozenset[str]:
    form = "in:HW_CPU_X86_VMX,CUSTOM_MAGIC"
    options = [t.strip() for t in text[3:].split(",")]
    if not any_of:
        why = f"The format '{form}' only supported since microversion 1.39. Got:"
    elif not all(options):
        why = f"Expected 'required' parameter value of the form: {form}. Got an empty trait in:"
    elif any(t.startswith("!") for t in options):
        why = f"The format '{form}' does not support forbidden traits. Got:"
    else:
        return frozenset(options)
    raise BadRequest(f"Invalid query string parameters: {why} {text[:120]}.")


def _traits(ctx: Context, name: str) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    values = ctx.request.every(name)
    if ctx.version < (1, 39):
        values = values[-1:]  # older versions let the last one win
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for text in values:
        more, less = trait_sets(text, name, ctx.version >= (1, 39), ctx.version >= (1, 22))
        required += more
        forbidden |= less
    return tuple(required), frozenset(forbidden)


def _aggregates(ctx: Context, name: str) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    values = ctx.request.every(name)
    if len(values) > 1 and ctx.version < (1, 24):
        raise BadRequest(f"Multiple {name} parameters are not supported before 1.24.")
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for text in values:
        bare = text.removeprefix("!")
        several = bare.startswith("in:")
        ids = bare[3:].split(",") if several else [bare]
        if "," in bare and not several:
            raise BadRequest(
                "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword"
                f" using the valid microversion. Got: {text[:120]} ({name})."
            )
        group = frozenset(_uuid(one, name) for one in ids)
        if bare == text:
            required.append(group)
        elif ctx.version >= (1, 32):
            forbidden |= group
        else:
            raise BadRequest(
                f"Forbidden {name} parameters are not supported in the specified microversion; they"
                " are from 1.32."
            )
    return tuple(required), frozenset(forbidden)


def _tree(text: str) -> str:
    if not is_uuid(text):
        raise BadRequest(
            "Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid."
            f" Got: {text[:80]}."
        )
    return UUID.parse(text, Where())


def _uuid(text: str, name: str) -> str:
    text = text.strip()
    if not is_uuid(text):
        raise BadRequest(
            "Invalid query string parameters: Expected 'member_of' parameter to contain valid"
            f" UUID(s). Got: {text[:80]} ({name})."
        )
    return UUID.parse(text, Where())
