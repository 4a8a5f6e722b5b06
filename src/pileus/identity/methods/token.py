"""Log in by a token that is out: for another scope, say."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.errors import Forbidden, NotFound, Unauthorized
from ...core.types import Field, Object, Text
from ..passwords import LONGEST
from ..tokens import Tokens
from .method import Method, Proof


def _prove(tx: Tx, tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    try:
        parent = tokens.understand(tx, given["id"]).payload
    except Unauthorized:
        # As upstream has it: the caller may well be who it says, but there is no such token.
        raise NotFound("The token to log in by could not be found.") from None
    ties = parent.ties
    if ties.trust_id or ties.access_token_id:
        kind = "a trust" if ties.trust_id else "an OAuth access token"
        raise Forbidden(f"A token that came of {kind} cannot be used to make another.")
    if parent.scope.kind != "unscoped" and not tokens.settings.token.allow_rescope_scoped_token:
        raise Forbidden("A token that has a scope cannot be used to make another here.")
    fixed = parent.scope if ties.application_credential_id else None
    return Proof(parent.user_id, parent=parent, ties=ties, scope=fixed)


METHOD = Method(
    "token", Object({"id": Field(Text(LONGEST, 1), required=True)}), _prove, hashes=False
)
