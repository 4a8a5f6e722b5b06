"""Roles that one user lends to another: what trusts and OAuth 1.0a access tokens have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.db import Tx
from .payload import Scope, Ties


@dataclass(frozen=True)
class Loan:
    """What a token made on somebody's behalf may do.

    shown: what the token's body says of it, by key (`OS-TRUST:trust`, say).
    """

    user_id: str  # whom the token is for
    lender_id: str  # whose roles these are; every one of them must still be held
    borrower_id: str  # who may log in with it
    scope: Scope
    role_ids: tuple[str, ...]
    expires: datetime | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lending:
    """One kind of loans. `find` is None for one that is gone, expired or used up."""

    find: Callable[[Tx, str], Loan | None]
    spend: Callable[[Tx, str], None] | None = None  # a login uses it up by one


KINDS: dict[str, Lending] = {}


def lent(tx: Tx, ties: Ties) -> Loan | None:
    """The loan that ties name, when there is one. Raises KeyError when it is gone."""
    kind, key = _named(ties)
    if not key:
        return None
    lending = KINDS.get(kind)
    found = lending.find(tx, key) if lending is not None else None
    if found is None:
        raise KeyError(key)
    return found


def spend(tx: Tx, ties: Ties) -> None:
    """Count a login against the loan that ties name. Raises Fault when it is used up."""
    kind, key = _named(ties)
    lending = KINDS.get(kind)
    if key and lending is not None and lending.spend is not None:
        lending.spend(tx, key)


def _named(ties: Ties) -> tuple[str, str]:
    if ties.trust_id:
        return "trust", ties.trust_id
    return "access_token", ties.access_token_id
