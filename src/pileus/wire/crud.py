"""The ordinary verbs of a resource: find one, list them, view them; and routes made of them.

`crud` builds plain routes from plain functions. A service replaces any of them by its own function
of a Context; what is built here is what `pileus routes` prints.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from ..core.errors import NotFound
from ..core.resource import Resource
from .context import Context, Expand, Handler, Response
from .paging import page
from .route import Route

R = TypeVar("R", bound=Resource)
Verb = Literal["list", "show", "create", "update", "delete"]
# Rows of a type that the caller may see at all: conditions for the query.
Scope = Callable[[Context], Sequence["sa.ColumnElement[bool]"]]


def everything(_ctx: Context) -> Sequence["sa.ColumnElement[bool]"]:
    """A scope for resources that everybody sees."""
    return ()


def noun(cls: type[Resource]) -> str:
    """ "security_group" → "SecurityGroup", as error kinds and messages have it."""
    return "".join(word.capitalize() for word in cls.one.replace("-", "_").split("_"))


def missing(cls: type[Resource], key: str) -> NotFound:
    """The 404 of a resource that is absent or not the caller's to see."""
    name = noun(cls)
    return NotFound(f"{name} {key[:255]} could not be found.", kind=f"{name}NotFound")


def find(ctx: Context, cls: type[R], key: str, scope: Scope = everything) -> R:
    """The row with this id that the caller may see. Raises NotFound."""
    found = ctx.tx.one(cls, cls.key_columns()[-1] == key, *scope(ctx))
    if found is None:
        raise missing(cls, key)
    return found


def view(ctx: Context, things: Sequence[Resource], expand: Expand | None) -> list[dict[str, Any]]:
    """The resources as JSON; `expand` adds, for the whole page at once, what is in no column."""
    views = [_view(ctx, thing) for thing in things]
    if expand is not None:
        expand(ctx, list(things), views)
    return views


def _view(ctx: Context, thing: Resource) -> dict[str, Any]:
    return thing.view(ctx.version, lambda rule: ctx.allows(rule, vars(thing)))


def fields(ctx: Context, views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only the keys that `?fields=` asks for, where it asks."""
    wanted = ctx.request.every("fields")
    if not wanted:
        return views
    return [{key: value for key, value in one.items() if key in wanted} for one in views]


@dataclass(frozen=True)
class Crud:
    """How a resource's ordinary routes are made.

    rule: the policy rule of each verb. scope: what the caller may see. The verbs that change
    something are functions of the context and the row (create: of the context alone) which return
    the row to show; a verb without a function has no route.
    """

    cls: type[Resource]
    path: str
    rule: Callable[[Verb], str]
    scope: Scope = everything
    create: Callable[[Context], Resource] | None = None
    update: Callable[[Context, Any], Resource] | None = None
    delete: Callable[[Context, Any], None] | None = None
    expand: Expand | None = None
    update_method: str = "PUT"
    status: Mapping[Verb, int] = field(
        default_factory=lambda: {"create": 201, "update": 200, "delete": 204}
    )
    sort: Sequence[tuple[str, str]] = (("created_at", "desc"), ("id", "desc"))
    select_fields: bool = False

    def routes(self) -> tuple[Route, ...]:
        """The routes of every verb that there is."""
        one = f"{self.path}/{{{self.cls.one.replace('-', '_')}_id}}"
        made = [
            self._route("GET", self.path, self._list, "list"),
            self._route("GET", one, self._show, "show"),
        ]
        if self.create is not None:
            made.append(self._route("POST", self.path, self._create, "create"))
        if self.update is not None:
            made.append(self._route(self.update_method, one, self._update, "update"))
        if self.delete is not None:
            made.append(self._route("DELETE", one, self._delete, "delete"))
        return tuple(made)

    def _route(self, method: str, path: str, handler: Handler, verb: Verb) -> Route:
        # Rules of verbs with a row are checked against that row, once it has been found.
        rule = self.rule(verb) if verb == "list" else ""
        return Route(method, path, handler, policy=rule, status=self.status.get(verb, 200))

    def _row(self, ctx: Context, verb: Verb) -> Resource:
        key = ctx.params[f"{self.cls.one.replace('-', '_')}_id"]
        row = find(ctx, self.cls, key, self.scope)
        ctx.require(self.rule(verb), vars(row))
        return row

    def one(self, ctx: Context, row: Resource) -> dict[str, Any]:
        """A single resource in its envelope."""
        views = view(ctx, [row], self.expand)
        shown = fields(ctx, views) if self.select_fields else views
        return {self.cls.one: shown[0]}

    def _list(self, ctx: Context) -> object:
        rows, marker = page(ctx, self.cls, self.scope(ctx), default_sort=self.sort)
        views = view(ctx, rows, self.expand)
        shown = fields(ctx, views) if self.select_fields else views
        return ctx.service.page(ctx, self.cls.many, shown, marker)

    def _show(self, ctx: Context) -> object:
        return self.one(ctx, self._row(ctx, "show"))

    def _create(self, ctx: Context) -> object:
        assert self.create is not None  # noqa: S101
        ctx.require(self.rule("create"))
        return self.one(ctx, self.create(ctx))

    def _update(self, ctx: Context) -> object:
        assert self.update is not None  # noqa: S101
        return self.one(ctx, self.update(ctx, self._row(ctx, "update")))

    def _delete(self, ctx: Context) -> object:
        assert self.delete is not None  # noqa: S101
        self.delete(ctx, self._row(ctx, "delete"))
        return Response(self.status.get("delete", 204))
