"""What is used: of one provider, and by one project."""

from typing import Any

import sqlalchemy as sa

from ..core.types import Text
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer
from .body import NAME
from .place import asked_at
from .providers import provider
from .query import check_keys
from .rows import DEFAULT_TYPE, Allocation, Consumer, Inventory

_ID = Text(255, 1)


def _of_provider(ctx: Context) -> Response:
    row = provider(ctx)
    rows = ctx.tx.all(Inventory, provider_id=row.id, order=[Inventory.resource_class])
    body = {
        "resource_provider_generation": row.generation,
        "usages": {one.resource_class: one.used for one in rows},
    }
    return answer(ctx, body)


def _of_project(ctx: Context) -> Response:
    typed = ctx.version >= (1, 38)
    check_keys(ctx, {"project_id", "user_id"} | ({"consumer_type"} if typed else set()))
    project_id = ctx.request.get("project_id")
    if project_id is None:
        raise asked_at(ctx, "").missing("project_id")
    _ID.read(project_id, asked_at(ctx, "project_id"))
    ctx.require("placement:usages", {"project_id": project_id})
    where = [Consumer.project_id == project_id]
    if (user_id := ctx.request.get("user_id")) is not None:
        where.append(Consumer.user_id == _ID.read(user_id, asked_at(ctx, "user_id")))
    kind = ctx.request.get("consumer_type")
    if kind is not None and kind not in ("all", DEFAULT_TYPE):
        NAME.read(kind, asked_at(ctx, "consumer_type"))
    if kind not in (None, "all"):
        where.append(Consumer.consumer_type == kind)
    if not typed:
        return answer(ctx, {"usages": _sums(ctx, where, "all").get("all", {})})
    sums = _sums(ctx, where, kind)
    for group, count in _counts(ctx, where, kind).items():
        sums[group]["consumer_count"] = count
    return answer(ctx, {"usages": sums})


def _group(kind: str | None) -> sa.ColumnElement[Any]:
    return sa.literal("all") if kind == "all" else Consumer.consumer_type


def _sums(
    ctx: Context, where: list[sa.ColumnElement[bool]], kind: str | None
) -> dict[str, dict[str, int]]:
    group = _group(kind).label("kind")
    query = (
        sa.select(group, Allocation.resource_class, sa.func.sum(Allocation.used).label("used"))
        .join(Consumer.table, Consumer.id == Allocation.consumer_id)
        .where(*where)
        .group_by(group, Allocation.resource_class)
        .order_by(group, Allocation.resource_class)
    )
    found: dict[str, dict[str, int]] = {}
    for row in ctx.tx.execute(query).mappings():
        found.setdefault(row["kind"], {})[row["resource_class"]] = int(row["used"])
    return found


def _counts(ctx: Context, where: list[sa.ColumnElement[bool]], kind: str | None) -> dict[str, int]:
    # Every consumer row has allocations: invariant I2.
    group = _group(kind).label("kind")
    query = (
        sa.select(group, sa.func.count().label("count")).select_from(Consumer.table).where(*where)
    )
    return {row["kind"]: row["count"] for row in ctx.tx.execute(query.group_by(group)).mappings()}


ROUTES = (
    Route(
        "GET",
        "/resource_providers/{provider_id}/usages",
        _of_provider,
        "placement:resource_providers:usages",
    ),
    # The rule is checked against the project asked for, inside.
    Route("GET", "/usages", _of_project, since=(1, 9)),
)
