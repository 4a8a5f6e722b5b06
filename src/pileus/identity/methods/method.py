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
    step: int = 0  # of a passcode, which works once
    failed: str = ""  # the user whose secret the method itself found wrong


@dataclass(frozen=True)
class Method:
    """One name in `auth.identity.methods`.

    form: its object in `auth.identity`. check: raises BadRequest for what the form cannot say.
    prove: looks up, in a transaction that reads, who it says it is; it is asked twice, before the
    secret is hashed and when the token is issued. admit: raises Fault where the right secret is not
    enough. store: writes the secret's new hash in place of an outdated one. writes: admit does.
    hashes: a secret may have to be hashed, which needs the time between two transactions.
    reads: what it takes of the request in the place of its object, where that is signed as a whole.
    """

    name: str
    form: Object
    prove: Callable[[Tx, Tokens, Mapping[str, Any]], Proof]
    check: Callable[[Mapping[str, Any]], None] = lambda given: None
    admit: Callable[[Tx, Tokens, Proof], None] = lambda tx, tokens, proof: None
    store: Callable[[Tx, Proof, str], None] | None = None
    writes: bool = False
    hashes: bool = True
    reads: Callable[[Context], dict[str, Any]] | None = None
