"""Which traits and resource classes there are: the standard ones from data files, the rest rows."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ..core.db import Tx
from ..core.errors import BadRequest
from .rows import ResourceClass, Trait

CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")


@cache
def standard_traits() -> frozenset[str]:
    """The traits that every placement service knows."""
    return _lines("traits")


@cache
def standard_classes() -> frozenset[str]:
    """The resource classes that every placement service knows."""
    return _lines("resource_classes")


def _lines(name: str) -> frozenset[str]:
    path = Path(__file__).parent / "standard" / f"{name}.txt"
    return frozenset(path.read_text().split())


def is_custom(name: str) -> bool:
    """Whether this may be the name of a custom trait or resource class."""
    return len(name) <= 255 and CUSTOM.fullmatch(name) is not None


def unknown_traits(tx: Tx, names: Iterable[str]) -> list[str]:
    """Those of the names that are no trait."""
    odd = sorted(set(names) - standard_traits())
    if not odd:
        return []
    found = {row.name for row in tx.all(Trait, name=odd)}
    return [name for name in odd if name not in found]


def unknown_classes(tx: Tx, names: Iterable[str]) -> list[str]:
    """Those of the names that are no resource class."""
    odd = sorted(set(names) - standard_classes())
    if not odd:
        return []
    found = {row.name for row in tx.all(ResourceClass, name=odd)}
    return [name for name in odd if name not in found]


def check_traits(tx: Tx, names: Iterable[str]) -> None:
    """Raises BadRequest when one of the names is no trait."""
    if unknown := unknown_traits(tx, names):
        raise BadRequest(f"No such trait(s): {', '.join(unknown)}.")


def check_classes(tx: Tx, names: Iterable[str], wrong: str = "") -> None:
    """Raises BadRequest, which begins with `wrong`, when one of the names is no resource class."""
    if unknown := unknown_classes(tx, names):
        raise BadRequest(f"{wrong}No such resource class {', '.join(unknown)}.")


def names_put(tx: Tx, classes: Iterable[str], traits: Iterable[str]) -> None:
    """Let there be these resource classes and traits, as far as there are not yet."""
    tx.add_all([ResourceClass(name=name) for name in unknown_classes(tx, classes)])
    tx.add_all([Trait(name=name) for name in unknown_traits(tx, traits)])
