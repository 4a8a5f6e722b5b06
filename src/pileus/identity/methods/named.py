"""Users, domains and projects as a login names them: by id, or by name and domain."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.errors import BadRequest
from ...core.types import Field, Object, Text, Type
from ..password_rules import asleep
from ..rows import Domain, User
from ..tokens import Tokens

ID, NAME = Text(64, 1), Text(255)
DOMAIN = Object({"id": ID, "name": NAME}, extra=True)
USER: dict[str, Field | Type[Any]] = {"id": ID, "name": NAME, "domain": DOMAIN}


def check(thing: Mapping[str, Any], where: str) -> None:
    """Raises BadRequest unless a thing is named by its id, or by a name and a domain."""
    if "id" in thing:
        return
    domain = thing.get("domain", {})
    if "name" not in thing or not ("id" in domain or "name" in domain):
        raise BadRequest(f"{where} must have an id, or a name and a domain with an id or a name.")


def domain_id(tx: Tx, named: Mapping[str, Any]) -> str | None:
    """The id of a domain; one that is given is not looked up."""
    if "id" in named:
        return str(named["id"])
    found = tx.one(Domain, name=named["name"])
    return found.id if found else None


def user(tx: Tx, tokens: Tokens, named: Mapping[str, Any]) -> User | None:
    """The user if it may log in."""
    if "id" in named:
        found = tx.get(User, named["id"])
    else:
        found = tx.one(User, domain_id=domain_id(tx, named["domain"]), name=named["name"])
    rules = tokens.settings.security_compliance
    if found is None or not found.enabled or asleep(rules, found, tx.now):
        return None
    return found
