"""Log in by a password."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.errors import Unauthorized
from ...core.types import Field, Object, Text
from .. import password_rules
from ..passwords import LONGEST
from ..rows import User
from ..tokens import Tokens
from . import named
from .method import Method, Proof

_PASSWORD = Field(Text(LONGEST), required=True)
_FORM = Object(
    {"user": Field(Object(named.USER | {"password": _PASSWORD}, extra=True), required=True)}
)


def _check(given: Mapping[str, Any]) -> None:
    named.check(given["user"], "auth.identity.password.user")


def _prove(tx: Tx, tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    user = named.user(tx, tokens, given["user"])
    secret = given["user"]["password"]
    if user is None or password_rules.locked(tokens.settings.security_compliance, user, tx.now):
        return Proof(secret=secret)
    return Proof(user.id, user.password_hash, secret)


def _admit(tx: Tx, _tokens: Tokens, proof: Proof) -> None:
    user = tx.get(User, proof.user_id)
    if user is not None and password_rules.expired(user, tx.now):
        raise Unauthorized(f"The password is expired and needs to be changed for user: {user.id}.")


def _store(tx: Tx, proof: Proof, stored: str) -> None:
    same = User.password_hash == proof.stored
    tx.set(User, User.id == proof.user_id, same, password_hash=stored)


METHOD = Method("password", _FORM, _prove, _check, _admit, _store)
