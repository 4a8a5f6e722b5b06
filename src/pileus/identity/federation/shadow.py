"""The users that identity providers vouch for, as this cloud keeps them, and their groups."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from ...core.db import Tx
from ...core.errors import BadRequest, Conflict, Unauthorized
from ...core.types import Where
from ..revision import bump
from ..rows import User
from .rows import ExpiringMember, FederatedUser, IdentityProvider


def public_id(domain_id: str, local_id: str, kind: str = "user") -> str:
    """The id of somebody whom another directory knows: the same in every cloud, as upstream's."""
    return hashlib.sha256(f"{domain_id}{kind}{local_id}".encode()).hexdigest()


def user(
    tx: Tx,
    idp_id: str,
    protocol_id: str,
    given_id: str,
    name: str,
    domain_id: str,
    email: str | None,
) -> User:
    """The user of that id at the identity provider, made at the first login.

    Raises Unauthorized for a disabled one or a name that cannot be, Conflict for a name that is
    another user's.
    """
    unique_id = quote(given_id)
    try:
        for cls, attribute, text in ((User, "name", name), (FederatedUser, "unique_id", unique_id)):
            cls.attrs[attribute].type.parse(text, Where(f"user.{attribute}"))
    except BadRequest as wrong:
        raise Unauthorized(f"The mapping makes a user that cannot be: {wrong.message}") from None
    known = tx.get(FederatedUser, idp_id, protocol_id, unique_id)
    if known is None:
        # The same person by another protocol of the same identity provider.
        known = _elsewhere(tx, idp_id, unique_id, domain_id)
        user_id = known.user_id if known is not None else _new(tx, unique_id, name, domain_id)
        tx.add(
            FederatedUser(
                idp_id=idp_id, protocol_id=protocol_id, unique_id=unique_id, user_id=user_id
            )
        )
    else:
        user_id = known.user_id
    found = tx.get(User, user_id)
    if found is None or not found.enabled:
        raise Unauthorized("The user is disabled.")
    _refresh(tx, found, name, email)
    return found


def _elsewhere(tx: Tx, idp_id: str, unique_id: str, domain_id: str) -> FederatedUser | None:
    for one in tx.all(FederatedUser, idp_id=idp_id, unique_id=unique_id):
        found = tx.get(User, one.user_id)
        if found is not None and found.domain_id == domain_id:
            return one
    return None


def _new(tx: Tx, unique_id: str, name: str, domain_id: str) -> str:
    _free(tx, name, domain_id, "")
    key = public_id(domain_id, unique_id)
    if tx.get(User, key) is not None:
        raise Conflict(
            f"Another identity provider of this domain has a user with the id {unique_id!r}."
        )
    return tx.add(User(id=key, name=name, domain_id=domain_id)).id


def _free(tx: Tx, name: str, domain_id: str, own: str) -> None:
    if tx.exists(User, User.name == name, User.domain_id == domain_id, User.id != own):
        raise Conflict(
            f"The user's domain has another user named {name!r}: the identity provider's users need"
            " names, or a domain, of their own."
        )


def _refresh(tx: Tx, found: User, name: str, email: str | None) -> None:
    if found.name != name and found.password_hash is None:
        _free(tx, name, found.domain_id, found.id)
        tx.change(found, name=name)
        bump(tx)
    if email and found.extra.get("email") != email:
        tx.change(found, extra=found.extra | {"email": email})


def remember_groups(tx: Tx, user: User, idp: IdentityProvider, groups: Sequence[str]) -> None:
    """Let the user be in these groups for as long as the identity provider's logins hold."""
    before = {m.group_id: m for m in tx.all(ExpiringMember, user_id=user.id, idp_id=idp.id)}
    wanted = list(groups) if idp.authorization_ttl else []
    until = tx.now + timedelta(minutes=idp.authorization_ttl or 0)
    for group_id in wanted:
        if group_id in before:
            tx.change(before[group_id], expires_at=until)
        else:
            tx.add(
                ExpiringMember(user_id=user.id, group_id=group_id, idp_id=idp.id, expires_at=until)
            )
    gone = [group_id for group_id in before if group_id not in wanted]
    if gone:
        tx.remove_where(ExpiringMember, user_id=user.id, idp_id=idp.id, group_id=gone)
    if gone or set(wanted) - before.keys():
        bump(tx)


def forget(tx: Tx, user_id: str) -> None:
    """Remove what identity providers know of a user who is going."""
    tx.remove_where(FederatedUser, user_id=user_id)
    tx.remove_where(ExpiringMember, user_id=user_id)
