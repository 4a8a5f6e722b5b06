"""Statements by the shape of their conditions, each built once: building costs more than running.

A shape is which attributes a condition names and whether each is one value, several or NULL. A
class has as many shapes as there are calls that differ in them, so what is kept stays small.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

if TYPE_CHECKING:
    from .resource import Resource

Verb = Literal["rows", "first", "count", "exists", "remove"]
_LIMIT = "limit_rows"
_SEVERAL = (list, tuple, set, frozenset, dict)
_VERBS: dict[Verb, Callable[["sa.Table"], Any]] = {
    "rows": sa.select,
    "first": lambda table: sa.select(table).limit(1),
    "count": lambda table: sa.select(sa.func.count()).select_from(table),
    "exists": lambda table: sa.select(sa.literal(1)).select_from(table).limit(1),
    "remove": sa.delete,
}


def prepare(
    cls: type["Resource"],
    verb: Verb,
    where: Sequence["sa.ColumnElement[bool]"],
    given: Mapping[str, object],
    order: Sequence[Any] = (),
    limit: int | None = None,
) -> tuple[Any, dict[str, Any]] | None:
    """The statement for these conditions and its parameters; None when none can ever fit.

    given: by attribute, a value, None for NULL, or a collection for any of its values. With
        conditions of this kind alone, and plain columns to order by, the statement is built once.
    limit: at most so many rows.
    """
    shape: list[object] = [verb]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            shape.append((name, None))
        elif isinstance(value, _SEVERAL):
            if not value:
                return None
            several = len(value) > 1
            shape.append((name, several))
            values[name] = list(value) if several else next(iter(value))
        else:
            shape.append((name, False))
            values[name] = value
    if limit is not None:
        values[_LIMIT] = limit
    if where or not all(isinstance(each, sa.Column) for each in order):
        return _build(cls, verb, shape[1:], order, limit is not None).where(*where), values
    key = (*shape, limit is not None, *order)
    statement = cls.statements.get(key)
    if statement is None:
        statement = _build(cls, verb, shape[1:], order, limit is not None)
        cls.statements[key] = statement
    return statement, values


def increasing(
    cls: type["Resource"], name: str, given: Mapping[str, object]
) -> tuple[Any, dict[str, Any]]:
    """The update that adds `by` to the attribute `name` of the rows with these values."""
    key = ("increase", name, *given)
    statement = cls.statements.get(key)
    if statement is None:
        own = (cls.table.c[each] == sa.bindparam(f"key_{each}") for each in given)
        raised = {name: cls.table.c[name] + sa.bindparam("by", type_=sa.BigInteger())}
        statement = cls.statements[key] = sa.update(cls.table).where(*own).values(raised)
    return statement, {f"key_{each}": value for each, value in given.items()}


def _build(
    cls: type["Resource"], verb: Verb, shape: Collection[Any], order: Sequence[Any], limited: bool
) -> Any:
    statement = _VERBS[verb](cls.table)
    for name, several in shape:
        column = cls.table.c[name]
        if several is None:
            statement = statement.where(column.is_(None))
        elif several:
            statement = statement.where(column.in_(sa.bindparam(name, expanding=True)))
        else:
            statement = statement.where(column == sa.bindparam(name))
    statement = statement.order_by(*order) if order else statement
    return statement.limit(sa.bindparam(_LIMIT, type_=sa.Integer())) if limited else statement
