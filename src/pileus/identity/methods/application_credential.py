"""Log in by an application credential, which opens its own project and nothing else."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.errors import BadRequest
from ...core.types import Field, Object, Text
from ..passwords import LONGEST
from ..payload import Scope, Ties
from ..rows import ApplicationCredential
from ..tokens import Tokens
from . import named
from .method import Method, Proof

_FORM = Object(
    {
        "id": named.ID,
        "name": named.NAME,
        "secret": Field(Text(LONGEST), required=True),
        "user": Object(named.USER, extra=True),
    }
)


def _check(given: Mapping[str, Any]) -> None:
    where = "auth.identity.application_credential"
    if "id" not in given and "name" not in given:
        raise BadRequest(f"{where} must have an id, or a name and a user.")
    if "id" not in given:
        named.check(given.get("user", {}), f"{where}.user")


def _prove(tx: Tx, tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    credential = _find(tx, tokens, given)
    if credential is None:
        return Proof(secret=given["secret"])
    return Proof(
        credential.user_id,
        credential.secret_hash,
        given["secret"],
        ties=Ties(credential.id),
        scope=Scope("project", credential.project_id),
        expires=credential.expires_at,
    )


def _find(tx: Tx, tokens: Tokens, given: Mapping[str, Any]) -> ApplicationCredential | None:
    if "id" in given:
        found = tx.get(ApplicationCredential, given["id"])
    else:
        user = named.user(tx, tokens, given["user"])
        if user is None:
            return None
        found = tx.one(ApplicationCredential, user_id=user.id, name=given["name"])
    if found is None or (found.expires_at is not None and found.expires_at <= tx.now):
        return None
    return found


def _store(tx: Tx, proof: Proof, stored: str) -> None:
    key = proof.ties.application_credential_id
    tx.set(ApplicationCredential, ApplicationCredential.id == key, secret_hash=stored)


METHOD = Method("application_credential", _FORM, _prove, _check, store=_store)
