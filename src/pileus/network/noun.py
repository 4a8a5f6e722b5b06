"""The verbs that every collection of the network API has, in Neutron's manner.

Bulk creation, `fields`, filters, the `If-Match` header, tags, and one policy rule for each verb and
for each attribute that is more than its owner's to set (`create_network:shared`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, NotFound, PreconditionFailed
from ..core.policy import Policy
from ..core.resource import Resource
from ..core.types import ListOf, Text
from ..wire import crud
from ..wire.context import Context, Expand, Response
from ..wire.paging import page
from ..wire.route import Route

R = TypeVar("R", bound=Resource)
_OWNER = ("tenant_id", "project_id")
_TAGS = ListOf(Text(255, 1), 50)
_SORT = (("created_at", "asc"), ("id", "asc"))


def admin(ctx: Context) -> bool:
    """Whether the caller sees and may touch what is other projects'."""
    return ctx.allows("context_is_admin")


def own(cls: Any) -> Callable[[Context], Sequence["sa.ColumnElement[bool]"]]:
    """A scope: the caller's project's rows, and all of them for an admin."""
    return lambda ctx: () if admin(ctx) else (cls.project_id == ctx.project_id,)


def touch(tx: Tx, row: Any, **values: Any) -> None:
    """Write attributes of a row, its revision number and time of change with them."""
    tx.change(row, **values, revision_number=row.revision_number + 1, updated_at=tx.now)


def plain_target(_ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """What policy rules see of a row or of a body."""
    return dict(values) | {"tenant_id": values.get("project_id")}


@dataclass(frozen=True)
class Noun(Generic[R]):
    """A collection. `create` and `update` get what the body sets; `delete` refuses what is in use.

    label: the noun in error kinds ("FloatingIP" gives FloatingIPNotFound).
    extra: keys of bodies which are no plain columns, for create and for update.
    """

    cls: type[R]
    label: str
    scope: Callable[[Context], Sequence["sa.ColumnElement[bool]"]]
    create: Callable[[Context, dict[str, Any]], R]
    delete: Callable[[Context, R], None]
    update: Callable[[Context, R, dict[str, Any]], None] | None = None
    extra: tuple[str, ...] = ()
    extra_update: tuple[str, ...] = ()
    expand: Expand | None = None
    conditions: Callable[[Context], Sequence["sa.ColumnElement[bool]"]] = lambda _ctx: ()
    target: Callable[[Context, Mapping[str, Any]], dict[str, Any]] = plain_target
    before_list: Callable[[Context], None] | None = None

    def routes(self) -> tuple[Route, ...]:
        """Every route of the collection."""
        many = f"/v2.0/{self.cls.many.replace('_', '-')}"
        one = f"{many}/{{id}}"
        lists = "write" if self.before_list is not None else "read"
        rule = f"get_{self.cls.one}"
        found = [
            Route("GET", many, self._list, rule, tx="write" if lists == "write" else "read"),
            Route("POST", many, self._create, status=201),
            Route("GET", one, self._show),
            Route("DELETE", one, self._delete),
        ]
        if self.update is not None:
            found.append(Route("PUT", one, self._update))
        if "tags" in self.cls.attrs:
            found += [
                Route("GET", f"{one}/tags", self._tags),
                Route("PUT", f"{one}/tags", self._set_tags),
                Route("DELETE", f"{one}/tags", self._clear_tags),
                Route("GET", f"{one}/tags/{{tag}}", self._has_tag),
                Route("PUT", f"{one}/tags/{{tag}}", self._add_tag),
                Route("DELETE", f"{one}/tags/{{tag}}", self._drop_tag),
            ]
        return tuple(found)

    def find(self, ctx: Context, key: str) -> R:
        """The row with this id that the caller may see. Raises NotFound."""
        found = ctx.tx.one(self.cls, self.cls.table.c.id == key, *self.scope(ctx))
        if found is None:
            raise NotFound(
                f"{self.label} {key[:255]} could not be found.", kind=f"{self.label}NotFound"
            )
        return found

    def row(self, ctx: Context, verb: str) -> R:
        """The row that the path names, once policy lets the caller do this to it."""
        found = self.find(ctx, ctx.params["id"])
        ctx.require(f"{verb}_{self.cls.one}", self.target(ctx, vars(found)))
        return found

    def views(self, ctx: Context, rows: Sequence[R]) -> list[dict[str, Any]]:
        """The rows as JSON."""
        found = crud.view(ctx, rows, self.expand)
        for one in found:
            one["tenant_id"] = one["project_id"]
        return crud.fields(ctx, found)

    def _list(self, ctx: Context) -> object:
        if self.before_list is not None:
            self.before_list(ctx)
        where = [*self.scope(ctx), *self.conditions(ctx), *_conditions(ctx, self.cls)]
        rows, marker = page(ctx, self.cls, where, default_sort=_SORT)
        return ctx.service.page(ctx, self.cls.many, self.views(ctx, rows), marker)

    def _show(self, ctx: Context) -> object:
        if self.before_list is not None and ctx.tx.write:
            self.before_list(ctx)
        return {self.cls.one: self.views(ctx, [self.row(ctx, "get")])[0]}

    def _create(self, ctx: Context) -> object:
        body = ctx.body
        if isinstance(body, dict) and self.cls.many in body:
            items = body[self.cls.many]
            if not isinstance(items, list) or not items:
                raise ctx.where.at(self.cls.many).wrong(items, "a list with at least one item")
            rows = [self._create_one(ctx, item) for item in items]
            return {self.cls.many: self.views(ctx, rows)}
        return {self.cls.one: self.views(ctx, [self._create_one(ctx, ctx.inner(self.cls.one))])[0]}

    def _create_one(self, ctx: Context, item: Any) -> R:
        values = self.cls.parse(item, "create", ctx.where, (*self.extra, *_OWNER))
        names = [values.pop(name) for name in _OWNER if values.get(name) is not None]
        for name in _OWNER:
            values.pop(name, None)
        if not all(isinstance(name, str) and len(name) <= 255 for name in names):
            raise ctx.where.at("project_id").wrong(names[0], "a project's id")
        if len(set(names)) > 1:
            raise BadRequest("'project_id' and 'tenant_id' do not match")
        values["project_id"] = names[0] if names else ctx.project_id
        target = self.target(ctx, values)
        ctx.require(f"create_{self.cls.one}", target)
        self._check_attributes(ctx, "create", item, target)
        return self.create(ctx, values)

    def _check_attributes(
        self, ctx: Context, verb: str, body: Mapping[str, Any], target: Mapping[str, Any]
    ) -> None:
        rules = ctx.parts[Policy].rules
        for key in body:
            rule = f"{verb}_{self.cls.one}:{key}"
            if rule in rules:
                ctx.require(rule, target)

    def _update(self, ctx: Context) -> object:
        assert self.update is not None  # noqa: S101
        row = self.row(ctx, "update")
        _check_revision(ctx, row)
        body = ctx.inner(self.cls.one)
        values = self.cls.parse(body, "update", ctx.where, self.extra_update)
        self._check_attributes(ctx, "update", body, self.target(ctx, vars(row)))
        self.update(ctx, row, values)
        return {self.cls.one: self.views(ctx, [row])[0]}

    def _delete(self, ctx: Context) -> object:
        row = self.row(ctx, "delete")
        _check_revision(ctx, row)
        self.delete(ctx, row)
        return Response(204)

    def _tags(self, ctx: Context) -> object:
        row: Any = self.row(ctx, "get")
        return {"tags": row.tags}

    def _write_tags(self, ctx: Context, row: Any, tags: Sequence[str]) -> None:
        touch(ctx.tx, row, tags=sorted(set(tags)))

    def _set_tags(self, ctx: Context) -> object:
        tags = _TAGS.parse(ctx.inner("tags"), ctx.where.at("tags"))
        row: Any = self.row(ctx, "update")
        self._write_tags(ctx, row, tags)
        return {"tags": row.tags}

    def _clear_tags(self, ctx: Context) -> object:
        self._write_tags(ctx, self.row(ctx, "update"), ())
        return Response(204)

    def _tagged(self, ctx: Context, verb: str) -> tuple[Any, str]:
        row: Any = self.row(ctx, verb)
        tag = ctx.params["tag"]
        if tag not in row.tags:
            raise NotFound(f"Tag {tag[:255]} could not be found.", kind="TagNotFound")
        return row, tag

    def _has_tag(self, ctx: Context) -> object:
        self._tagged(ctx, "get")
        return Response(204)

    def _add_tag(self, ctx: Context) -> object:
        row: Any = self.row(ctx, "update")
        tags = _TAGS.parse([*row.tags, ctx.params["tag"]], ctx.where.at("tags"))
        self._write_tags(ctx, row, tags)
        return Response(201)

    def _drop_tag(self, ctx: Context) -> object:
        row, tag = self._tagged(ctx, "update")
        self._write_tags(ctx, row, [kept for kept in row.tags if kept != tag])
        return Response(204)


def _check_revision(ctx: Context, row: Any) -> None:
    asked = ctx.request.headers.get("if-match")
    if asked is None:
        return
    found = re.fullmatch(r"\s*revision_number=(\d{1,18})\s*", asked)
    if found is None:
        raise BadRequest("If-Match must have the form revision_number=<number>.")
    if int(found[1]) != row.revision_number:
        raise PreconditionFailed(
            f"Constrained to {found[1]}, but current revision is {row.revision_number}",
            kind="RevisionNumberConstraintFailed",
        )


def _conditions(ctx: Context, cls: type[Resource]) -> list["sa.ColumnElement[bool]"]:
    """Filters that are not a plain attribute: `tenant_id` and tags."""
    columns = cls.table.c
    found: list[sa.ColumnElement[bool]] = []
    tenants = ctx.request.every("tenant_id")
    if tenants:
        found.append(columns.project_id.in_(tenants))
    if "tags" not in cls.attrs:
        return found
    for name, join, wanted in (
        ("tags", sa.and_, True),
        ("tags-any", sa.or_, True),
        ("not-tags", sa.and_, False),
        ("not-tags-any", sa.or_, False),
    ):
        tags = [tag for text in ctx.request.every(name) for tag in text.split(",") if tag]
        if tags:
            condition = join(*(_has(columns.tags, tag) for tag in tags))
            found.append(condition if wanted else ~condition)
    return found


def _has(column: "sa.Column[Any]", tag: str) -> "sa.ColumnElement[bool]":
    quoted = '"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return sa.cast(column, sa.String).contains(quoted, autoescape=True)
