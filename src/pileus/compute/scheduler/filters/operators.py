"""Comparing a value with what an extra spec asks: `s== x`, `<in> x`, `>= 3`, `<or> a <or> b`."""

import operator
from collections.abc import Callable, Mapping

from ..scene import number

_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": lambda value, asked: asked in value,
}
_NUMBER: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,  # "at least": so it has always been
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def matches(value: str, asked: str) -> bool:
    """Whether the value is what is asked. Without an operator, it is the same text."""
    words = asked.split()
    sign, rest = (words[0], words[1:]) if words else ("", [])
    if sign == "<or>":
        return value in [word for word in rest if word != "<or>"]
    if sign == "<all-in>":
        return bool(rest) and all(word in value for word in rest)
    if sign in _TEXT:
        return bool(rest) and _TEXT[sign](value, rest[0])
    if sign in _NUMBER:
        one, other = number(value), number(rest[0]) if rest else None
        return one is not None and other is not None and _NUMBER[sign](one, other)
    return value == asked
