"""The hint `query`: a condition on hosts' facts, such as [">=", "$vcpus_total", 8]."""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ....core.errors import BadRequest
from ..scene import Scene
from ..wish import Wish
from .check import Check
from .facts import facts

_DEPTH = 10
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def query(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """JsonFilter. Raises BadRequest for what is no condition."""
    text = wish.hints.get("query")
    if text:
        tree = parsed(text)
        yield "query", lambda host: bool(_met(tree, facts(host)))


def parsed(text: Any) -> Any:
    """The condition that the hint holds. Raises BadRequest."""
    text = text[0] if isinstance(text, list) and len(text) == 1 else text
    try:
        tree = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise _wrong("it is no JSON") from None
    _check(tree, 0)
    return tree


def _wrong(why: str) -> BadRequest:
    return BadRequest(
        f"The scheduler hint query cannot be used: {why}. It is a list such as"
        f' [">=", "$vcpus_total", 8], its operators are {", ".join(_COMPARE)}, in, not, and, or.'
    )


def _check(tree: Any, depth: int) -> None:
    if depth > _DEPTH:
        raise _wrong(f"it is deeper than {_DEPTH} lists")
    if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
        raise _wrong("each condition is a list that starts with an operator")
    sign, rest = tree[0], tree[1:]
    if sign in ("not", "and", "or"):
        if not rest or (sign == "not" and len(rest) != 1):
            raise _wrong(f"{sign} has {len(rest)} conditions")
        for one in rest:
            _check(one, depth + 1)
    elif sign not in (*_COMPARE, "in"):
        raise _wrong(f"{sign[:40]!r} is no operator")
    elif len(rest) < 2:
        raise _wrong(f"{sign} compares two things or more")


def _met(tree: Any, known: Mapping[str, Any]) -> bool:
    sign, rest = tree[0], tree[1:]
    if sign == "not":
        return not _met(rest[0], known)
    if sign in ("and", "or"):
        return (all if sign == "and" else any)(_met(one, known) for one in rest)
    first, *others = [_value(one, known) for one in rest]
    if first is None:
        return False
    if sign == "in":
        return first in others
    try:
        return all(_COMPARE[sign](first, other) for other in others)
    except TypeError:
        return False  # such as a word with a number


def _value(one: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(one, str) or not one.startswith("$"):
        return one
    found: Any = known
    for name in one[1:].split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
