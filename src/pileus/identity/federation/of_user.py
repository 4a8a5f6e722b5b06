"""The `federated` key of a user: as whom which identity providers know it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...core.db import Tx
from ...core.errors import BadRequest, Conflict
from ...core.types import Field, ListOf, Object, Text
from ...wire.context import Context
from ..rows import User
from .rows import ExpiringMember, FederatedUser, Protocol

KEY = "federated"
_KNOWN = Object(
    {
        "protocol_id": Field(Text(64, 1), required=True),
        "unique_id": Field(Text(255, 1), required=True),
    }
)
_FEDERATED = ListOf(
    Object(
        {
            "idp_id": Field(Text(64, 1), required=True),
            "protocols": Field(ListOf(_KNOWN, 100), required=True),
        }
    ),
    100,
)
_FILTERS = ("idp_id", "protocol_id", "unique_id")


def read(ctx: Context) -> list[FederatedUser] | None:
    """What the body says of it, without the user yet; None when it says nothing. BadRequest."""
    given = ctx.inner("user")
    if not isinstance(given, dict) or KEY not in given:
        return None
    where = ctx.where.at("user").at(KEY)
    return [
        FederatedUser(idp_id=one["idp_id"], **known)
        for one in _FEDERATED.parse(given[KEY], where)
        for known in one["protocols"]
    ]


def store(tx: Tx, user_id: str, wanted: list[FederatedUser] | None) -> None:
    """Set it, when the body had it. Raises BadRequest, or Conflict when it is another user's."""
    if wanted is None:
        return
    tx.remove_where(FederatedUser, user_id=user_id)
    for one in wanted:
        if tx.get(Protocol, one.idp_id, one.protocol_id) is None:
            raise BadRequest(
                f"user.federated: there is no identity provider {one.idp_id!r} with the protocol"
                f" {one.protocol_id!r}."
            )
        if tx.get(FederatedUser, one.idp_id, one.protocol_id, one.unique_id) is not None:
            raise Conflict(f"{one.unique_id!r} of {one.idp_id} is another user already.")
        one.user_id = user_id
        tx.add(one)


def show(tx: Tx, users: Sequence[dict[str, Any]]) -> None:
    """Add the key to those users, as JSON, whom an identity provider knows."""
    by_id = {one["id"]: one for one in users}
    order = [FederatedUser.idp_id, FederatedUser.protocol_id, FederatedUser.unique_id]
    for row in tx.all(FederatedUser, user_id=list(by_id), order=order):
        idps = by_id[row.user_id].setdefault(KEY, [])
        if not idps or idps[-1]["idp_id"] != row.idp_id:
            idps.append({"idp_id": row.idp_id, "protocols": []})
        known = {"protocol_id": row.protocol_id, "unique_id": row.unique_id}
        idps[-1]["protocols"].append(known)


def conditions(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    """What a list of users asks for: `idp_id`, `protocol_id`, `unique_id`."""
    asked = [(name, ctx.request.get(name)) for name in _FILTERS]
    wanted = [FederatedUser.table.c[name] == value for name, value in asked if value is not None]
    if not wanted:
        return []
    return [User.id.in_(sa.select(FederatedUser.user_id).where(*wanted))]


def show_ends(tx: Tx, user_id: str, groups: Sequence[dict[str, Any]]) -> None:
    """Add to a user's groups, as JSON, when the membership ends by itself."""
    ends: dict[str, Any] = {}
    for row in tx.all(ExpiringMember, user_id=user_id):
        ends[row.group_id] = max(row.expires_at, ends.get(row.group_id, row.expires_at))
    for one in groups:
        if one["id"] in ends:
            one["membership_expires_at"] = f"{ends[one['id']]:%Y-%m-%dT%H:%M:%S}Z"
