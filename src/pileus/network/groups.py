"""Security groups in the API."""

from typing import Any

from ..core.db import chunks
from ..core.errors import Conflict
from ..wire.context import Context
from ..wire.crud import view
from . import quota, topology
from .default_group import allow_out, default_group, default_group_id
from .noun import Noun, admin, own, touch
from .rows import PortGroup, SecurityGroup, SecurityGroupRule

_DEFAULT = "default"


def _is_default(group: SecurityGroup) -> bool:
    return group.id == default_group_id(group.project_id)


def _create(ctx: Context, values: dict[str, Any]) -> SecurityGroup:
    tx, project_id = ctx.tx, values["project_id"]
    if values.get("name", "").lower() == _DEFAULT:
        raise Conflict(
            "Default security group already exists.", kind="SecurityGroupDefaultAlreadyExists"
        )
    default_group(tx, project_id)
    quota.claim(tx, project_id, "security_group")
    quota.claim(tx, project_id, "security_group_rule", 2)
    group = tx.add(SecurityGroup(**values))
    allow_out(tx, group.id, project_id)
    topology.mark(tx, "security_group", group.id)
    return group


def _update(ctx: Context, group: SecurityGroup, values: dict[str, Any]) -> None:
    if _is_default(group) and values.get("name", group.name) != group.name:
        raise Conflict(
            "Updating default security group not allowed.",
            kind="SecurityGroupCannotUpdateDefault",
        )
    if not _is_default(group) and values.get("name", "").lower() == _DEFAULT:
        raise Conflict(
            "Default security group already exists.", kind="SecurityGroupDefaultAlreadyExists"
        )
    touch(ctx.tx, group, **values)


def _delete(ctx: Context, group: SecurityGroup) -> None:
    tx = ctx.tx
    if _is_default(group) and not admin(ctx):
        raise Conflict(
            "Insufficient rights for removing default security group.",
            kind="SecurityGroupCannotRemoveDefault",
        )
    if tx.exists(PortGroup, group_id=group.id):
        raise Conflict(f"Security Group {group.id} in use.", kind="SecurityGroupInUse")
    others = tx.all(SecurityGroupRule, remote_group_id=group.id)
    for rule in others:
        topology.mark(tx, "security_group", rule.security_group_id)
        tx.remove(rule)
    tx.remove_where(SecurityGroupRule, security_group_id=group.id)
    tx.remove(group)
    topology.mark(tx, "security_group", group.id)


def expand_rules(_ctx: Context, rows: list[Any], views: list[dict[str, Any]]) -> None:
    """What a rule shows beyond its columns."""
    for row, shown in zip(rows, views, strict=True):
        shown["remote_address_group_id"] = None
        shown["normalized_cidr"] = row.remote_ip_prefix
        shown["tenant_id"] = row.project_id


def _expand(ctx: Context, rows: list[Any], views: list[dict[str, Any]]) -> None:
    found: dict[str, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for batch in chunks(found):
        rules = ctx.tx.all(
            SecurityGroupRule,
            security_group_id=batch,
            order=[SecurityGroupRule.created_at, SecurityGroupRule.id],
        )
        for rule, shown in zip(rules, view(ctx, rules, expand_rules), strict=True):
            found[rule.security_group_id].append(shown)
    for row, shown in zip(rows, views, strict=True):
        shown["security_group_rules"] = found[row.id]


def _see_default(ctx: Context) -> None:
    if ctx.project_id:
        default_group(ctx.tx, ctx.project_id)


GROUPS = Noun(
    SecurityGroup,
    "SecurityGroup",
    own(SecurityGroup),
    _create,
    _delete,
    _update,
    expand=_expand,
    before_list=_see_default,
)
