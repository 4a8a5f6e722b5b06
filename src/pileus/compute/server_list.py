"""Listing and showing servers."""

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from .. import network
from ..core.errors import BadRequest, Forbidden
from ..core.types import Bool, When
from ..wire.context import Context
from ..wire.paging import page
from ..wire.route import Route
from . import server as servers
from .rules import rule
from .server import Server, ServerTag, states
from .server_view import View, brief

_BOOL, _WHEN = Bool(strings=True), When()
# Filters that are plain columns: query parameter → column, and whether only admins may use it.
_COLUMNS: dict[str, tuple[str, bool]] = {
    "uuid": ("id", False),
    "flavor": ("flavor_id", False),
    "image": ("image_id", False),
    "reservation_id": ("reservation_id", False),
    "key_name": ("key_name", False),
    "user_id": ("user_id", False),
    "host": ("host", True),
    "vm_state": ("vm_state", True),
    "task_state": ("task_state", True),
    "launch_index": ("launch_index", True),
    "power_state": ("power_state", True),
}
_SORT = (("created_at", "desc"), ("id", "desc"))
Conditions = list["sa.ColumnElement[bool]"]


def list_brief(ctx: Context) -> object:
    """Ids and names of servers."""
    rows, marker = _rows(ctx, "index")
    return ctx.service.page(ctx, "servers", [brief(ctx, row) for row in rows], marker)


def list_detail(ctx: Context) -> object:
    """Servers in full."""
    rows, marker = _rows(ctx, "detail")
    view = View(ctx, rows, "list")
    return ctx.service.page(ctx, "servers", [view(row) for row in rows], marker)


def show(ctx: Context) -> object:
    """One server."""
    server = servers.find(ctx, "servers:show")
    return {"server": View(ctx, [server])(server)}


def _rows(ctx: Context, verb: str) -> tuple[list[Server], str]:
    where = _conditions(ctx, verb)
    if where is None:
        return [], ""
    return page(ctx, Server, where, default_sort=_SORT)


def _conditions(ctx: Context, verb: str) -> Conditions | None:
    """Conditions for what the query asks for; None when nothing can fit."""
    get, admin = ctx.request.get, ctx.allows(rule("servers:allow_all_filters"))
    found: Conditions = list(_scope(ctx, verb))
    changes = get("changes-since")
    deleted = admin and _flag(ctx, "deleted")
    if changes is not None:
        found.append(Server.updated_at >= _moment(ctx, "changes-since", changes))
    if deleted or (get("status") or "").upper() == "DELETED":
        if not admin:
            raise Forbidden("Policy doesn't allow deleted servers to be listed.")
        found.append(Server.deleted_at.is_not(None))
    elif changes is None:
        found.append(servers.live())
    before = get("changes-before")
    if before is not None and ctx.version >= (2, 66):
        found.append(Server.updated_at <= _moment(ctx, "changes-before", before))
    for part in (_columns(ctx, admin), _texts(ctx), _tags(ctx), _status(ctx)):
        if part is None:
            return None
        found += part
    return found + _address(ctx, found)


def _scope(ctx: Context, verb: str) -> Sequence["sa.ColumnElement[bool]"]:
    project = ctx.request.get("project_id") or ctx.request.get("tenant_id")
    if ctx.request.get("all_tenants") is not None and _flag(ctx, "all_tenants"):
        ctx.require(rule(f"servers:{verb}:get_all_tenants"))
        return [Server.project_id == project] if project else []
    return [Server.project_id == ctx.who.project_id]


def _flag(ctx: Context, name: str) -> bool:
    text = ctx.request.get(name)
    if text is None:
        return False
    return text == "" or _BOOL.read(text, ctx.where.at(name))


def _moment(ctx: Context, name: str, text: str) -> Any:
    # A space is what a "+" of a time zone becomes in a query that was not quoted.
    return _WHEN.read(text.replace(" ", "+"), ctx.where.at(name))


def _columns(ctx: Context, admin: bool) -> Conditions:
    found: Conditions = []
    for name, (column, admins) in _COLUMNS.items():
        values = ctx.request.every(name)
        if not values or (admins and not admin):
            continue
        found.append(sa.cast(Server.table.c[column], sa.String).in_(values))
    zone = ctx.request.get("availability_zone")
    if zone is not None and (admin or ctx.version >= (2, 83)):
        found.append(Server.zone == zone)
    for name, condition in (
        ("config_drive", Server.config_drive),
        ("locked", Server.locked_by.is_not(None)),
    ):
        since = (2, 73) if name == "locked" else (2, 1)
        if ctx.request.get(name) is not None and ctx.version >= since:
            found.append(condition if _flag(ctx, name) else sa.not_(condition))
    return found


def _texts(ctx: Context) -> Conditions | None:
    """Names and descriptions are regular expressions, matched anywhere."""
    found: Conditions = []
    for name, column in (
        ("name", Server.name),
        ("hostname", Server.hostname),
        ("description", Server.description),
    ):
        text = ctx.request.get(name)
        if text is None or (name == "hostname" and ctx.version < (2, 90)):
            continue
        found.append(_matches(column, text, name))
    return found


def _matches(column: Any, text: str, name: str) -> "sa.ColumnElement[bool]":
    if re.fullmatch(r"[\w -]*", text):
        # Plain words, which is nearly always: no regular expression is needed.
        plain: sa.ColumnElement[bool] = column.icontains(text, autoescape=True)
        return plain
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise BadRequest(f"The filter {name}={text[:80]!r} is not a regular expression.") from None
    if _costly(text):
        raise BadRequest(f"The filter {name}={text[:80]!r} is too costly to evaluate.")
    matching: sa.ColumnElement[bool] = column.regexp_match(text)
    return matching


def _costly(text: str) -> bool:
    """Whether matching could take more than a moment: Python tries every way that there is."""
    # Matched anywhere, ".*" at either end means nothing and costs little.
    core = re.sub(r"^\^?\.\*|\.\*\$?$", "", text)
    return (
        len(text) > 255
        or re.search(r"\)\s*[*+?{]", core) is not None
        or len(re.findall(r"[*+{]", core)) > 2
        or core.count("?") > 4
        or core.count("|") > 8
    )


def _status(ctx: Context) -> Conditions | None:
    wanted = [text.upper() for text in ctx.request.every("status")]
    if not wanted or "DELETED" in wanted:
        return []
    known = [found for text in wanted if (found := states(text)) is not None]
    return [sa.or_(*known)] if known else None


def _address(ctx: Context, where: Conditions) -> Conditions:
    """Servers of those that fit so far with an address that matches `ip` or `ip6`."""
    patterns = [
        (_pattern(text, name), 6 if name == "ip6" else 4)
        for name in ("ip", "ip6")
        if (text := ctx.request.get(name))
    ]
    if not patterns:
        return []
    ids = list(ctx.tx.execute(sa.select(Server.id).where(*where)).scalars())
    found = network.addresses(ctx.tx, ids)
    return [
        Server.id.in_(
            [
                key
                for key in ids
                if all(
                    any(
                        one["version"] == version and pattern.search(one["addr"])
                        for each in found.get(key, {}).values()
                        for one in each
                    )
                    for pattern, version in patterns
                )
            ]
        )
    ]


def _pattern(text: str, name: str) -> "re.Pattern[str]":
    wrong = BadRequest(f"The filter {name}={text[:80]!r} is not part of an address.")
    if not re.fullmatch(r"[0-9a-fA-F.:^$\\*]{1,80}", text) or text.count("*") > 4:
        raise wrong
    try:
        return re.compile(text.replace("*", ".*") if ".*" not in text else text)
    except re.error:
        raise wrong from None


_MOST_TAGS = 50  # as many as a server can have


def _tags(ctx: Context) -> Conditions:
    found: Conditions = []
    if ctx.version < (2, 26):
        return found
    for name, every, wanted in (
        ("tags", True, True),
        ("tags-any", False, True),
        ("not-tags", True, False),
        ("not-tags-any", False, False),
    ):
        text = ctx.request.get(name)
        if not text:
            continue
        tags = set(text.split(","))
        if len(tags) > _MOST_TAGS:
            raise BadRequest(f"The filter {name} takes at most {_MOST_TAGS} tags.")
        each = [
            Server.id.in_(sa.select(ServerTag.server_id).where(ServerTag.tag == tag))
            for tag in sorted(tags)
        ]
        joined = sa.and_(*each) if every else sa.or_(*each)
        found.append(joined if wanted else sa.not_(joined))
    return found


_PATH = "/v2.1/servers"
ROUTES = (
    Route("GET", _PATH, list_brief, policy=rule("servers:index")),
    Route("GET", _PATH + "/detail", list_detail, policy=rule("servers:detail")),
    Route("GET", _PATH + "/{server_id}", show),
)
