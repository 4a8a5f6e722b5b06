"""A resource, declared once: one `attr` is column, schema, filter, sort key, view and window.

    class Keypair(Resource):
        one, many = "keypair", "keypairs"
        id = attr(Uuid(), key=True, default=new_uuid)
        name = attr(Text(255, 1), create="required", filter=True, sort=True)

On the class, `Keypair.name` is the column, for conditions; on an instance it is the value.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, overload

import sqlalchemy as sa

from .errors import BadRequest
from .types import Type, Version, Where

if TYPE_CHECKING:
    from .db import Tx

T = TypeVar("T")
schema = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_MISSING = object()
# (name in JSON, attribute, how it is written or None as it is, policy rule or "")
Plan = tuple[tuple[str, str, Callable[[Any], object] | None, str], ...]
OLDEST: Version = (0, 0)
NEWEST: Version = (999, 999)


def new_uuid(tx: "Tx") -> str:
    """A default: a fresh UUID with dashes."""
    return tx.ids.uuid()


def new_hex(tx: "Tx") -> str:
    """A default: a fresh UUID without dashes."""
    return tx.ids.hex()


def now(tx: "Tx") -> datetime:
    """A default: the transaction's time."""
    return tx.now


def _default(default: Any, tx: "Tx") -> Any:
    if isinstance(default, type):
        return default()  # dict, list: each row its own
    return default(tx) if callable(default) else default


class Attr(Generic[T]):
    """One attribute of a resource; see `attr`."""

    name: str

    def __init__(self, type_: Type[Any], **options: Any) -> None:
        self.type = type_
        self.null: bool = options["null"]
        self.key: bool = options["key"]
        self.default: Any = options["default"]
        self.create: bool | Literal["required"] = options["create"]
        self.update: bool = options["update"]
        self.filter: bool = options["filter"]
        self.sort: bool = options["sort"]
        self.show: bool | str = options["show"]
        self.wire: str = options["wire"]
        self.since: Version = options["since"]
        self.until: Version = options["until"]
        self.references: str | None = options["references"]
        self.index: bool = options["index"]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.wire = self.wire or name

    def build(self) -> "sa.Column[Any]":
        """The column of this attribute."""
        foreign = [sa.ForeignKey(self.references)] if self.references else []
        return sa.Column(
            self.name,
            self.type.column(),
            *foreign,
            primary_key=self.key,
            nullable=self.null,
            index=self.index or None,
        )

    @overload
    def __get__(self, instance: None, owner: type) -> "sa.Column[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        # Not a data descriptor: a value in the instance's own dict is found before this is asked.
        if instance is None:
            return owner.table.c[self.name]  # type: ignore[attr-defined]
        raise AttributeError(f"{owner.__name__}.{self.name} was not loaded")

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: T) -> None: ...


@overload
def attr(
    type_: Type[T],
    *,
    null: Literal[False] = False,
    key: bool = False,
    default: Callable[["Tx"], T] | object = _MISSING,
    create: bool | Literal["required"] = False,
    update: bool = False,
    filter: bool = False,
    sort: bool = False,
    show: bool | str = True,
    wire: str = "",
    since: Version = OLDEST,
    until: Version = NEWEST,
    references: str | None = None,
    index: bool = False,
) -> Attr[T]: ...
@overload
def attr(
    type_: Type[T],
    *,
    null: Literal[True],
    key: bool = False,
    default: Callable[["Tx"], T] | object = _MISSING,
    create: bool | Literal["required"] = False,
    update: bool = False,
    filter: bool = False,
    sort: bool = False,
    show: bool | str = True,
    wire: str = "",
    since: Version = OLDEST,
    until: Version = NEWEST,
    references: str | None = None,
    index: bool = False,
) -> Attr[T | None]: ...
def attr(type_: Type[Any], **options: Any) -> Attr[Any]:
    """Declare an attribute.

    default: a value, or a function of the transaction; a nullable attribute defaults to None.
    create, update: whether a body may set it ("required": must, on create).
    show: True, False, or the name of a policy rule that the reader must pass.
    wire: its name in JSON, where that differs. since, until: its microversions, both included.
    """
    full: dict[str, Any] = {
        "null": False,
        "key": False,
        "default": _MISSING,
        "create": False,
        "update": False,
        "filter": False,
        "sort": False,
        "show": True,
        "wire": "",
        "since": OLDEST,
        "until": NEWEST,
        "references": None,
        "index": False,
    }
    return Attr(type_, **(full | options))


class Resource:
    """A row of a table and a thing of the API."""

    one: ClassVar[str] = ""
    many: ClassVar[str] = ""
    table_name: ClassVar[str] = ""
    constraints: ClassVar[tuple[Any, ...]] = ()
    table: ClassVar[sa.Table]
    attrs: ClassVar[dict[str, Attr[Any]]]
    plans: ClassVar[dict[Version, Plan]]
    # Built once: building a statement costs more than running it.
    by_key: ClassVar["sa.Select[Any]"]
    insert: ClassVar["sa.Insert"]
    change_by_key: ClassVar["sa.Update"]  # the key's values are called key_<column>
    remove_by_key: ClassVar["sa.Delete"]
    statements: ClassVar[dict[tuple[object, ...], Any]]  # of `statement.prepare`
    names: ClassVar[tuple[str, ...]]  # of the columns, in order
    keys: ClassVar[tuple[str, ...]]  # of the primary key's columns

    def __init_subclass__(cls) -> None:
        found: dict[str, Attr[Any]] = {}
        for holder in reversed(cls.__mro__):
            found |= {k: v for k, v in vars(holder).items() if isinstance(v, Attr)}
        cls.attrs = found
        cls.plans = {}
        name = cls.table_name or cls.many.replace("-", "_")
        columns = [a.build() for a in found.values()]
        cls.table = sa.Table(name, schema, *columns, *cls.constraints)
        cls.names = tuple(cls.table.columns.keys())
        key = cls.table.primary_key.columns
        cls.keys = tuple(key.keys())
        cls.statements = {}
        cls.insert = sa.insert(cls.table)
        own = [c == sa.bindparam(c.name) for c in key]
        cls.by_key = sa.select(cls.table).where(*own)
        cls.remove_by_key = sa.delete(cls.table).where(*own)
        cls.change_by_key = sa.update(cls.table).where(
            *(c == sa.bindparam(f"key_{c.name}") for c in key)
        )

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.attrs.keys()
        if unknown:
            raise TypeError(f"BUG: {type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update(values)

    @classmethod
    def load(cls, row: Iterable[Any]) -> Self:
        """An instance from a database row: the table's columns, in order."""
        found = cls.__new__(cls)
        found.__dict__.update(zip(cls.names, row, strict=True))
        return found

    @classmethod
    def key_columns(cls) -> list["sa.Column[Any]"]:
        """The columns of the primary key."""
        return list(cls.table.primary_key.columns)

    def fill(self, tx: "Tx") -> None:
        """Set every attribute that has no value yet to its default."""
        values = self.__dict__
        for name, a in self.attrs.items():
            if name in values:
                continue
            if a.default is not _MISSING:
                values[name] = _default(a.default, tx)
            elif a.null:
                values[name] = None
            else:
                raise TypeError(f"BUG: {type(self).__name__}.{name} has no value and no default")

    @classmethod
    def parse(
        cls,
        body: object,
        verb: Literal["create", "update"],
        where: Where,
        extra: Iterable[str] = (),
        ignore_unknown: bool = False,
    ) -> dict[str, Any]:
        """The attributes that a body sets, by attribute name. Raises BadRequest.

        Keys named in `extra` pass through untouched for the handler that asked for them.
        """
        if not isinstance(body, dict):
            raise where.wrong(body, "an object")
        live = {
            a.wire: a
            for a in cls.attrs.values()
            if getattr(a, verb) and a.since <= where.version <= a.until
        }
        if verb == "create":
            for wire, a in live.items():
                if a.create == "required" and body.get(wire) is None:
                    raise BadRequest(f"{where.at(wire).path} is required and missing.")
        found: dict[str, Any] = {}
        passing = set(extra)
        for key, value in body.items():
            if key in passing:
                found[key] = value
            elif key in live:
                a = live[key]
                found[a.name] = (
                    None if value is None and a.null else a.type.parse(value, where.at(key))
                )
            elif not ignore_unknown:
                possible = ", ".join(sorted({*live, *passing}))
                raise BadRequest(
                    f"Additional properties are not allowed ({where.at(str(key)).path!r} was"
                    f" unexpected; possible here: {possible})."
                )
        return found

    def view(self, version: Version, allowed: Callable[[str], bool]) -> dict[str, Any]:
        """The resource as JSON in one microversion; `allowed` answers for `show` rules."""
        values = self.__dict__
        found = {}
        cls = type(self)
        plan = cls.plans.get(version) or cls.plan(version)
        for wire, name, dump, rule in plan:
            if rule and not allowed(rule):
                continue
            value = values[name]
            found[wire] = value if value is None or dump is None else dump(value)
        return found

    @classmethod
    def plan(cls, version: Version) -> "Plan":
        """What `view` shows in one microversion, kept for the next time."""
        found = []
        for a in cls.attrs.values():
            if a.show and a.since <= version <= a.until:
                plain = type(a.type).dump is Type.dump
                rule = a.show if isinstance(a.show, str) else ""
                found.append((a.wire, a.name, None if plain else a.type.dump, rule))
        cls.plans[version] = tuple(found)
        return cls.plans[version]
