"""Log in by a password."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.types import Field, Object, Text
from ..passwords import LONGEST
from ..tokens import Tokens
from . import named
from .method import Method, Proof

_PASSWORD = Field(Text(LONGEST), required=True)
_FORM = Object(
    {"user": Field(Object(named.USER | {"password": _PASSWORD}, extra=True), required=True)}
)


def _check(given: Mapping[str, Any]) -> None:
    named.check(given["user"], "auth.identity.password.user")


def _prove(tx: Tx, _tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    user = named.user(tx, given["user"])
    secret = given["user"]["password"]
    return Proof(user.id, user.password_hash, secret) if user else Proof(secret=secret)


METHOD = Method("password", _FORM, _prove, _check)
