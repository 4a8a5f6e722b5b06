"""Log in somebody whom an identity provider vouches for: its words, through the mapping, a user."""

from typing import Any

from ...core.db import Tx
from ...core.errors import Forbidden, NotFound, Unauthorized
from ..payload import FREE, METHODS, Federated, Scope, Ties
from ..rows import Group, User
from ..tokens import Tokens, Understood
from . import engine, provision, shadow
from .domain import domain_id
from .rows import IdentityProvider, Mapping, Protocol, RemoteId
from .vouch import REMOTE_USER, Vouch


def way_in(tx: Tx, idp_id: str, protocol_id: str) -> tuple[IdentityProvider, Protocol]:
    """The identity provider and its protocol. Raises NotFound, Forbidden for a disabled one."""
    idp = tx.get(IdentityProvider, idp_id)
    if idp is None:
        raise NotFound(f"There is no identity provider {idp_id[:255]}.")
    protocol = tx.get(Protocol, idp.id, protocol_id)
    if protocol is None:
        raise NotFound(f"The identity provider {idp.id} has no protocol {protocol_id[:255]}.")
    if not idp.enabled:
        raise Forbidden(f"The identity provider {idp.id} is disabled.")
    return idp, protocol


def log_in(
    tx: Tx, tokens: Tokens, idp_id: str, protocol_id: str, vouch: Vouch
) -> tuple[str, Understood]:
    """An unscoped token for the user that the mapping makes of the vouch.

    Raises NotFound or Forbidden as `way_in` does, Unauthorized when the mapping makes nobody of
    it, Conflict when it makes somebody whose name is taken.
    """
    idp, protocol = way_in(tx, idp_id, protocol_id)
    _check_origin(tx, idp, protocol, vouch)
    mapping = tx.get(Mapping, protocol.mapping_id)
    assert mapping is not None  # noqa: S101  a foreign key holds it
    try:
        made = engine.evaluate(mapping.rules, mapping.schema_version, vouch.attributes)
    except engine.Unmapped as no:
        raise Unauthorized(str(no)) from None
    method = protocol.id if protocol.id in METHODS else "mapped"
    if made.local:
        return tokens.issue(tx, _local(tx, made.user), [method], Scope(), ties=FREE)
    groups = _groups(tx, made, mapping.id)
    user_id, name, domain_id = _named(tx, made.user, idp, vouch)
    user = shadow.user(tx, idp.id, protocol.id, user_id, name, domain_id, made.user.get("email"))
    provision.projects(tx, user, idp.domain_id, made.projects)
    shadow.remember_groups(tx, user, idp, groups)
    ties = Ties(federated=Federated(idp.id, protocol.id, tuple(groups)))
    return tokens.issue(tx, user.id, [method], Scope(), ties=ties)


def _check_origin(tx: Tx, idp: IdentityProvider, protocol: Protocol, vouch: Vouch) -> None:
    """Raises Forbidden when the vouch comes from somebody else than the identity provider."""
    known = {one.remote_id for one in tx.all(RemoteId, idp_id=idp.id)}
    if not known:
        return
    said = [vouch.issuer]
    if protocol.remote_id_attribute:
        said = vouch.attributes.get(protocol.remote_id_attribute, [])
    if len(said) != 1 or said[0] not in known:
        raise Forbidden(
            f"{(said or ['nobody'])[0][:255]!r} is none of the remote ids of the identity provider"
            f" {idp.id}."
        )


def _local(tx: Tx, named: dict[str, Any]) -> str:
    """The id of a user that is here already. Raises Unauthorized."""
    found = None
    if "id" in named:
        found = tx.get(User, named["id"])
    elif "name" in named and named.get("domain"):
        domain = domain_id(tx, named["domain"], "")
        found = tx.one(User, domain_id=domain, name=named["name"])
    else:
        raise Unauthorized(
            "The mapping's local user needs an id, or a name and a domain, and has neither."
        )
    if found is None or not found.enabled:
        raise Unauthorized("The mapping names a local user who is not here, or is disabled.")
    return found.id


def _groups(tx: Tx, made: engine.Mapped, mapping_id: str) -> list[str]:
    """The ids of the groups; those named that are not here are left out.

    Raises Unauthorized for an id that is none: then the mapping itself is out of date.
    """
    there = {group.id for group in tx.all(Group, id=made.group_ids)}
    for one in made.group_ids:
        if one not in there:
            raise Unauthorized(
                f"The mapping {mapping_id} gives the group {one[:64]!r}, and it is gone."
            )
    found = list(made.group_ids)
    domains: dict[str, str | None] = {}
    names: dict[str, list[str]] = {}
    for group in made.groups:
        named = group["domain"]
        key = repr(named)
        if key not in domains:
            domains[key] = domain_id(tx, named, "")
        if domains[key] is not None:
            names.setdefault(str(domains[key]), []).append(group["name"])
    for domain, some in names.items():
        found += [g.id for g in tx.all(Group, domain_id=domain, name=some, order=[Group.name])]
    return list(dict.fromkeys(found))


def _named(
    tx: Tx, user: dict[str, Any], idp: IdentityProvider, vouch: Vouch
) -> tuple[str, str, str]:
    """The user's id at the identity provider, name and domain. Raises Unauthorized."""
    fallback = (vouch.attributes.get(REMOTE_USER) or [""])[0]
    name = user.get("name") or fallback or user.get("id") or ""
    domain = domain_id(tx, user.get("domain"), idp.domain_id)
    if not name:
        raise Unauthorized("The mapping gives the user neither a name nor an id.")
    if domain is None:
        raise Unauthorized("The mapping puts the user into a domain that there is not.")
    return user.get("id") or name, name, domain
