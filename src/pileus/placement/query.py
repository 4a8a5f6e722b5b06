"""What the query parameters of providers and candidates ask for."""

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
    """The conditions of one request group. Raises BadRequest."""
    resources = ctx.request.get(f"resources{suffix}")
    required, forbidden = _traits(ctx, f"required{suffix}")
    member_of, outside = _aggregates(ctx, f"member_of{suffix}")
    tree = ctx.request.get(f"in_tree{suffix}")
    found = Asked(
        resources_of(resources) if resources is not None else {},
        required,
        forbidden,
        member_of,
        outside,
        _uuid(tree, f"in_tree{suffix}") if tree is not None else "",
    )
    check_names(ctx.tx, found)
    return found


def check_names(tx: Tx, found: Asked) -> None:
    """Raises BadRequest when a trait or resource class is unknown."""
    check_classes(tx, found.resources)
    check_traits(tx, found.forbidden.union(*found.required))


def resources_of(text: str) -> dict[str, int]:
    """ "VCPU:2,DISK_GB:10" as a map. Raises BadRequest."""
    found: dict[str, int] = {}
    for item in text.split(","):
        name, colon, amount = item.partition(":")
        if not name or not colon or not amount.isascii() or not amount.isdigit():
            raise BadRequest(
                "Badly formed resources parameter. Expected resources query string parameter in"
                f" form: ?resources=VCPU:2,MEMORY_MB:1024. Got: {text[:120]!r}."
            )
        if not 1 <= len(amount) <= 10 or not 1 <= int(amount) <= MOST:
            raise BadRequest(
                f"Requested resource {name[:80]} expected to be between 1 and {MOST}."
                f" Got: {amount[:40]}."
            )
        found[name] = int(amount)
    return found


def trait_sets(
    text: str, name: str, any_of: bool, negative: bool
) -> tuple[list[frozenset[str]], set[str]]:
    """The required sets and the forbidden traits of one parameter. Raises BadRequest."""
    if any_of and text.startswith("in:"):
        options = [t.strip() for t in text[3:].split(",")]
        if not all(options) or any(t.startswith("!") for t in options):
            raise _bad_traits(text, name)
        return [frozenset(options)], set()
    required, forbidden = [], set()
    for item in (t.strip() for t in text.split(",")):
        bare = item.removeprefix("!")
        if not bare or (bare != item and not negative) or ":" in bare:
            raise _bad_traits(text, name)
        if bare == item:
            required.append(frozenset([item]))
        else:
            forbidden.add(bare)
    return required, forbidden


def _bad_traits(text: str, name: str) -> BadRequest:
    return BadRequest(
        f"Invalid query string parameters: Expected {name!r} parameter value of the form:"
        f" HW_CPU_X86_VMX,CUSTOM_MAGIC (from 1.22 also !TRAIT, from 1.39 also in:TRAIT,TRAIT)."
        f" Got: {text[:120]!r}."
    )


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
    clash = sorted(t for group in required if group <= forbidden for t in group)
    if clash:
        raise BadRequest(
            f"Conflicting required and forbidden traits found in {name}: {', '.join(clash)}.",
            kind=BAD_VALUE,
        )
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
                f"Multiple values for {name!r} must be prefixed with the 'in:' or '!in:' keyword."
                f" Got: {text[:120]!r}."
            )
        group = frozenset(_uuid(one, name) for one in ids)
        if bare == text:
            required.append(group)
        elif ctx.version >= (1, 32):
            forbidden |= group
        else:
            raise BadRequest(f"Forbidden {name} parameters are not supported before 1.32.")
    return tuple(required), frozenset(forbidden)


def _uuid(text: str, name: str) -> str:
    text = text.strip()
    if not is_uuid(text):
        raise BadRequest(
            f"Invalid query string parameters: Expected {name!r} parameter to contain valid"
            f" UUID(s). Got: {text[:80]!r}."
        )
    return UUID.parse(text, Where())
