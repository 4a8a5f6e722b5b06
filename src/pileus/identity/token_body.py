"""A token as the API shows it."""

from typing import Any

from .catalog import Catalog, written
from .standing import Named, Person
from .tokens import Understood
from .tokens import written as moment


def body(token: Understood, stored: Catalog, with_catalog: bool = True) -> dict[str, Any]:
    """The `token` object, its catalog as JSON already. stored: the catalog as its rows are."""
    payload = token.payload
    found: dict[str, Any] = {
        "methods": list(payload.methods),
        "user": _named(token.user) | {"password_expires_at": _ends(token.user)},
        "audit_ids": list(payload.audit_ids),
        "expires_at": moment(payload.expires),
        "issued_at": moment(payload.issued),
    }
    ties = payload.ties
    if ties.federated is not None:
        found["user"]["OS-FEDERATION"] = {
            "groups": [{"id": group} for group in ties.federated.groups],
            "identity_provider": {"id": ties.federated.identity_provider},
            "protocol": {"id": ties.federated.protocol},
        }
    if ties.thumbprint:
        found["oauth2_credential"] = {"x5t#S256": ties.thumbprint}
    if token.loan is not None:
        found |= token.loan.shown
    if token.service_providers:
        found["service_providers"] = token.service_providers
    kind, target = payload.scope.kind, token.target
    if target is None:
        return {"token": found}
    if kind == "project":
        found["project"] = _named(target)
        found["is_domain"] = False
    elif kind == "domain":
        found["domain"] = {"id": target.id, "name": target.name}
    else:
        found["system"] = {"all": True}
    found["roles"] = [{"id": id_, "name": name} for id_, name in token.roles.items()]
    if with_catalog:
        project = target.id if kind == "project" else ""
        found["catalog"] = written(stored, project, token.user.id)
    credential = token.credential
    if credential is not None:
        found["application_credential"] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": not credential.unrestricted,
        }
        if credential.access_rules is not None:
            found["application_credential"]["access_rules"] = credential.access_rules
    return {"token": found}


def _ends(user: Person) -> str | None:
    ends = user.password_expires_at
    return None if ends is None else f"{ends:%Y-%m-%dT%H:%M:%S.%fZ}"


def _named(thing: Named) -> dict[str, Any]:
    domain = {"id": thing.domain_id, "name": thing.domain_name}
    return {"domain": domain, "id": thing.id, "name": thing.name}
