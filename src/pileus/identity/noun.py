"""What the nouns of this service share: target of a rule, body with free keys, view with links.

The identity API differs from the others: policy targets are `target.user.domain_id`, a rule is
checked before absence is told (so 403 hides whether a thing exists), bodies keep keys of the
client's own, and every object has `links`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound
from ..core.resource import Resource
from ..core.types import Json
from ..wire.context import Context
from ..wire.paging import page

R = TypeVar("R", bound=Resource)
_MOST = 100_000  # the identity API has never cut its lists
_FREE = Json(8)
# All without regard to case, as with the usual database of a classic cloud; databases differ in it.
_LIKE: Mapping[str, Callable[["sa.Column[Any]", str], "sa.ColumnElement[bool]"]] = {
    "contains": lambda c, v: c.icontains(v, autoescape=True),
    "icontains": lambda c, v: c.icontains(v, autoescape=True),
    "startswith": lambda c, v: c.istartswith(v, autoescape=True),
    "istartswith": lambda c, v: c.istartswith(v, autoescape=True),
    "endswith": lambda c, v: c.iendswith(v, autoescape=True),
    "iendswith": lambda c, v: c.iendswith(v, autoescape=True),
}


def target(*things: Resource | None) -> dict[str, Any]:
    """The policy target that these things are: `target.user.id`, `target.project.domain_id`, …"""
    found: dict[str, Any] = {}
    for thing in things:
        if thing is not None:
            for name, value in vars(thing).items():
                # As in oslo.policy, rules write an absent value as None.
                found[f"target.{thing.one}.{name}"] = "None" if value is None else value
    return found


def absent(cls: type[Resource], key: str) -> NotFound:
    """The 404."""
    return NotFound(f"There is no {cls.one.replace('_', ' ')} with the id {key[:255]}.")


def find(ctx: Context, cls: type[R], key: str, rule: str) -> R:
    """The row with this id. Raises Forbidden before it raises NotFound."""
    found = ctx.tx.get(cls, key)
    ctx.require(rule, target(found))
    if found is None:
        raise absent(cls, key)
    return found


def present(ctx: Context, cls: type[R], key: str, rule: str) -> R:
    """The row with this id. Raises NotFound before it raises Forbidden: where upstream does."""
    found = must(ctx.tx, cls, key)
    ctx.require(rule, target(found))
    return found


def must(tx: Tx, cls: type[R], key: str) -> R:
    """The row with this id, for a caller whose right has been checked. Raises NotFound."""
    found = tx.get(cls, key)
    if found is None:
        raise absent(cls, key)
    return found


def body(
    ctx: Context,
    cls: type[Resource],
    row: Resource | None = None,
    skip: Iterable[str] = (),
    unset: Iterable[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the body sets: attributes, and the client's own keys. Raises BadRequest.

    row: the thing that is changed; without one the body makes a new one. What cannot be changed
    may be repeated as it is. skip: keys that the handler reads itself. unset: keys that are left
    out where they are null.
    """
    verb: Literal["create", "update"] = "create" if row is None else "update"
    where = ctx.where.at(cls.one)
    given = ctx.inner(cls.one)
    if isinstance(given, dict):
        nulls = {key for key in unset if given.get(key, "") is None}
        given = {key: value for key, value in given.items() if key not in nulls}
    values = cls.parse(given, verb, where, ignore_unknown=True)
    wires = {a.wire: a for a in cls.attrs.values()}
    free = {}
    for key, value in given.items():
        known = wires.get(key)
        if known is not None:
            if row is not None and known.show and not known.update:
                now = known.type.dump(getattr(row, known.name))
                if value != now:
                    raise BadRequest(f"{where.at(key).path} cannot be changed from {now!r}.")
        elif key in skip or key == "links":
            continue
        elif not 1 <= len(key) <= 255:
            raise BadRequest(f"A key of {cls.one} must have 1 to 255 characters.")
        else:
            free[key] = _FREE.parse(value, where.at(key))
    return values, free


def view(ctx: Context, things: Sequence[Resource], path: str | None = None) -> list[dict[str, Any]]:
    """The things as JSON, with the client's own keys and `links`."""
    found = []
    for thing in things:
        one = dict(getattr(thing, "extra", {})) | thing.view(ctx.version, lambda _rule: True)
        where = path or f"/v3/{thing.many}"
        one["links"] = {"self": ctx.url(f"{where}/{one['id']}")}
        found.append(one)
    return found


def listed(
    ctx: Context,
    cls: type[R],
    where: Sequence["sa.ColumnElement[bool]"] = (),
    sort: Sequence[tuple[str, str]] = (("name", "asc"),),
) -> tuple[list[R], str]:
    """The rows that a list asks for, `name__contains` and its kin included; the next marker."""
    conditions = list(where)
    for key, value in ctx.request.query:
        name, _, how = key.partition("__")
        if how in _LIKE and name in cls.attrs and cls.attrs[name].filter:
            conditions.append(_LIKE[how](cls.table.c[name], value))
    return page(ctx, cls, conditions, default_sort=sort, limit=_MOST)


def mutable(row: Any, values: Mapping[str, Any] | None = None) -> None:
    """Raises Forbidden for a thing that is immutable.

    values: what would change; None to delete it. Its options alone can always be changed.
    """
    only_options = values is not None and not values.keys() - {"options"}
    if row.options.get("immutable") and not only_options:
        raise Forbidden(f"This {row.one} is immutable: set its option immutable to false first.")


def options(row: Any, values: dict[str, Any]) -> None:
    """Let the options in `values` be those of the row with what is new; null takes one away."""
    if "options" in values:
        both = dict(row.options) | values["options"]
        values["options"] = {name: value for name, value in both.items() if value is not None}


def taken(
    tx: Tx, cls: type[Resource], name: str, *where: "sa.ColumnElement[bool]", but: str = ""
) -> None:
    """Raises Conflict when another row already has this name there."""
    if tx.exists(cls, cls.table.c.name == name, cls.table.c.id != but, *where):
        raise Conflict(f"There is already a {cls.one.replace('_', ' ')} named {name!r} here.")


def inside(ctx: Context, cls: type[Resource]) -> list["sa.ColumnElement[bool]"]:
    """What a domain's token sees of a list: what is in the domain."""
    own = ctx.who.domain_id
    return [cls.table.c.domain_id == own] if own else []


def domain_of(ctx: Context, given: str | None) -> str:
    """The domain that a new thing belongs to: the given one, else that of the token."""
    return given or ctx.who.domain_id or ctx.who.project_domain_id or "default"


def list_domain(ctx: Context, rule: str) -> str:
    """The domain that a list is for ("": all), after checking the right to read it."""
    asked = ctx.request.get("domain_id") or ""
    domain = asked or ctx.who.domain_id
    ctx.require(rule, {"target.domain_id": domain or None})
    return domain
