"""A way to log in, and the proof that it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.db import Tx
from ...core.types import Object
from ...wire.context import Context
from ..payload import FREE, Payload, Scope, Ties
from ..tokens import Tokens


@dataclass(frozen=True)
class Proof:
    """A user as one method has it: what stands against the secret, and what it brings along.

    A method that checks the secret itself, cheaply, leaves `user_id` empty where it is wrong.
    """

    user_id: str = ""
    stored: str | None = None  # a hash
    secret: str | None = None  # what was given, when there is something to hash
    parent: Payload | None = None
    ties: Ties = FREE
    scope: Scope | None = None  # the only one that it opens
    expires: datetime | None = None


@dataclass(frozen=True)
class Method:
    """One name in `auth.identity.methods`.

    form: its object in `auth.identity`. check: raises BadRequest for what the form cannot say.
    prove: looks up, in a transaction that reads, who it says it is; it is asked twice, before the
    secret is hashed and when the token is issued. reads: what it takes of the request in the place
    of its object, where that is signed as a whole.
    """

    name: str
    form: Object
    prove: Callable[[Tx, Tokens, Mapping[str, Any]], Proof]
    check: Callable[[Mapping[str, Any]], None] = lambda given: None
    reads: Callable[[Context], dict[str, Any]] | None = None
