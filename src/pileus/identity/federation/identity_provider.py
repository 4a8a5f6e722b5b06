"""Identity providers: registered, listed, shown, changed, removed."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.db import Tx, chunks
from ...core.errors import BadRequest, Conflict
from ...core.types import ListOf, Text
from ...wire.context import Context
from ...wire.route import Route
from .. import noun
from ..revision import bump
from ..rows import Domain, User
from ..tokens import Tokens
from ..user import drop as drop_user
from .rows import ExpiringMember, FederatedUser, IdentityProvider, Protocol, RemoteId

PATH = "/v3/OS-FEDERATION/identity_providers"
_REMOTE_IDS = ListOf(Text(255, 1), 100, unique=True)


def _views(ctx: Context, rows: Sequence[IdentityProvider]) -> list[dict[str, Any]]:
    names: dict[str, list[str]] = {row.id: [] for row in rows}
    for known in ctx.tx.all(RemoteId, idp_id=list(names), order=[RemoteId.remote_id]):
        names[known.idp_id].append(known.remote_id)
    found = noun.view(ctx, rows, PATH)
    for one in found:
        one["remote_ids"] = names[one["id"]]
        one["links"]["protocols"] = one["links"]["self"] + "/protocols"
    return found


def _one(ctx: Context, row: IdentityProvider) -> dict[str, Any]:
    return {"identity_provider": _views(ctx, [row])[0]}


def find(ctx: Context, rule: str) -> IdentityProvider:
    """The identity provider of the path. Raises Forbidden before it raises NotFound."""
    return noun.find(ctx, IdentityProvider, ctx.params["idp_id"], f"identity:{rule}")


def _list(ctx: Context) -> object:
    ctx.require("identity:list_identity_providers")
    rows, marker = noun.listed(ctx, IdentityProvider, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "identity_providers", _views(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return _one(ctx, find(ctx, "get_identity_provider"))


def _read(ctx: Context, verb: Any) -> tuple[dict[str, Any], list[str] | None]:
    """The attributes that the body sets, and its remote ids when it has them."""
    where = ctx.where.at("identity_provider")
    given = ctx.inner("identity_provider")
    values = IdentityProvider.parse(given, verb, where, extra=("remote_ids",))
    if "remote_ids" not in values:
        return values, None
    named = values.pop("remote_ids")
    return values, [] if named is None else _REMOTE_IDS.parse(named, where.at("remote_ids"))


def _create(ctx: Context) -> object:
    tx, key = ctx.tx, ctx.params["idp_id"]
    ctx.require("identity:create_identity_provider")
    values, remote_ids = _read(ctx, "create")
    key = IdentityProvider.attrs["id"].type.parse(key, ctx.where.at("id"))
    if tx.get(IdentityProvider, key) is not None:
        raise Conflict(f"There is already an identity provider {key!r}.")
    if values.get("domain_id") is None:
        values["domain_id"] = _own_domain(tx, key)
    elif tx.get(Domain, values["domain_id"]) is None:
        raise BadRequest(
            f"identity_provider.domain_id: there is no domain {values['domain_id']!r}."
        )
    row = tx.add(IdentityProvider(id=key, **values))
    _name(tx, row, remote_ids or [])
    return _one(ctx, row)


def _own_domain(tx: Tx, key: str) -> str:
    """A new domain for the users of this identity provider; its id."""
    made = tx.ids.hex()
    text = f"Domain of the users of the identity provider {key}"
    return tx.add(Domain(id=made, name=made, description=text)).id


def _name(tx: Tx, row: IdentityProvider, remote_ids: Iterable[str]) -> None:
    """Set the remote ids. Raises Conflict when one is another identity provider's."""
    tx.remove_where(RemoteId, idp_id=row.id)
    for one in remote_ids:
        other = tx.get(RemoteId, one)
        if other is not None:
            raise Conflict(f"The remote id {one!r} is the identity provider {other.idp_id}'s.")
        tx.add(RemoteId(remote_id=one, idp_id=row.id))


def _update(ctx: Context) -> object:
    row = find(ctx, "update_identity_provider")
    values, remote_ids = _read(ctx, "update")
    ctx.tx.change(row, **values)
    if remote_ids is not None:
        _name(ctx.tx, row, remote_ids)
    bump(ctx.tx)
    return _one(ctx, row)


def _delete(ctx: Context) -> None:
    drop(ctx.tx, find(ctx, "delete_identity_provider"), ctx.parts[Tokens].hours)


def drop(tx: Tx, row: IdentityProvider, hours: float) -> None:
    """Remove an identity provider and the users that nobody else knows.

    hours: how long tokens live.
    """
    drop_users(tx, hours, tx.all(FederatedUser, idp_id=row.id))
    for cls in (RemoteId, Protocol, ExpiringMember):
        tx.remove_where(cls, idp_id=row.id)
    tx.remove(row)
    bump(tx)


def drop_users(tx: Tx, hours: float, known: Sequence[FederatedUser]) -> None:
    """Forget users of an identity provider; those that have no other way in are deleted.

    Whoever had such an id later would have their roles otherwise.
    """
    for one in known:
        tx.remove(one)
    ids = {one.user_id for one in known}
    for some in chunks(sorted(ids)):
        kept = {one.user_id for one in tx.all(FederatedUser, user_id=some)}
        for user in tx.all(User, User.password_hash.is_(None), id=some):
            if user.id not in kept:
                drop_user(tx, user, hours)


def drop_of_domain(tx: Tx, domain_id: str, hours: float) -> None:
    """Remove the identity providers whose users belong to this domain."""
    for row in tx.all(IdentityProvider, domain_id=domain_id):
        drop(tx, row, hours)


def routes() -> tuple[Route, ...]:
    """The routes of identity providers."""
    one = f"{PATH}/{{idp_id}}"
    return (
        Route("GET", PATH, _list),
        Route("GET", one, _show),
        Route("PUT", one, _create, status=201),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
