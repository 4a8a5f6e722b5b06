"""An assertion whose signature is right: does it hold now, here, and for this login?"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ....core.db import Tx
from ....core.errors import Unauthorized
from ..rows import SeenAssertion
from ..settings import Saml
from ..vouch import REMOTE_USER, Vouch
from . import document, signature
from .names import BEARER, NAMES, SUCCESS

_LEEWAY = timedelta(seconds=60)  # by which clocks may differ
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """What a response says: the vouch, and by what it is known when it comes again."""

    vouch: Vouch
    id: str
    until: datetime


def read(
    settings: Saml,
    response: Any,
    here: Collection[str],
    entity_id: str,
    request_id: str,
    now: datetime,
) -> Told:
    """What a response says of its user. Raises Unauthorized.

    here: the URLs of the place that it was sent to. entity_id: this cloud's own. request_id: what
    it must be the answer to; empty when nobody here asked for it.
    """
    if request_id and response.get("InResponseTo") not in (None, request_id):
        raise Unauthorized("The SAML response answers another request.")
    if response.get("Destination") not in (None, "", *here):
        raise Unauthorized("The SAML response is meant for another place.")
    status = response.find("samlp:Status/samlp:StatusCode", NAMES)
    if status is None or status.get("Value") != SUCCESS:
        raise Unauthorized("The identity provider has refused the login.")
    found = signature.signed_assertion(settings, response)
    issuer = document.text(found.find("saml:Issuer", NAMES))
    if issuer != settings.entity_id:
        raise Unauthorized(f"The assertion is of {issuer[:200]!r}, and not of the provider.")
    _check_conditions(found, entity_id, now)
    until = _confirmed(found, here, request_id, now)
    key = f"{issuer} {found.get('ID')}"
    return Told(_vouch(found, issuer), hashlib.sha256(key.encode()).hexdigest(), until)


def use(tx: Tx, told: Told) -> None:
    """Count the assertion as used. Raises Unauthorized when it has been."""
    if tx.get(SeenAssertion, told.id) is not None:
        raise Unauthorized("The assertion has been used before.")
    tx.add(SeenAssertion(id=told.id, until=told.until + 2 * _LEEWAY))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        raise Unauthorized(f"{text[:40]!r} in the assertion is no time.") from None


def _within(element: Any, now: datetime) -> bool:
    start, end = _moment(element.get("NotBefore")), _moment(element.get("NotOnOrAfter"))
    early = start is not None and now < start - _LEEWAY
    return not early and (end is None or now < end + _LEEWAY)


def _check_conditions(assertion: Any, entity_id: str, now: datetime) -> None:
    conditions = assertion.find("saml:Conditions", NAMES)
    if conditions is not None:
        if not _within(conditions, now):
            raise Unauthorized("The assertion has expired, or does not hold yet.")
        for one in conditions.findall("saml:AudienceRestriction", NAMES):
            meant = {document.text(a) for a in one.findall("saml:Audience", NAMES)}
            if entity_id not in meant:
                raise Unauthorized(f"The assertion is meant for {', '.join(sorted(meant))[:200]}.")
    statement = assertion.find("saml:AuthnStatement", NAMES)
    if statement is None:
        raise Unauthorized("The assertion does not say that anybody has logged in.")
    end = _moment(statement.get("SessionNotOnOrAfter"))
    if end is not None and now >= end + _LEEWAY:
        raise Unauthorized("The session at the identity provider has ended.")


def _confirmed(assertion: Any, here: Collection[str], request_id: str, now: datetime) -> datetime:
    """Until when the assertion may be brought here. Raises Unauthorized."""
    path = "saml:Subject/saml:SubjectConfirmation"
    for one in assertion.findall(path, NAMES):
        data = one.find("saml:SubjectConfirmationData", NAMES)
        if one.get("Method") != BEARER or data is None:
            continue
        until = _moment(data.get("NotOnOrAfter"))
        right = data.get("Recipient") in here and (data.get("InResponseTo") or "") == request_id
        if right and until is not None and until < now + _LONGEST and _within(data, now):
            return until
    raise Unauthorized("The assertion is not for this place, this login and this time.")


def _vouch(assertion: Any, issuer: str) -> Vouch:
    """The attributes by their names, their friendly names, and those that mod_auth_mellon gives."""
    found: dict[str, list[str]] = {}
    friendly: dict[str, list[str]] = {}
    for one in assertion.findall("saml:AttributeStatement/saml:Attribute", NAMES):
        values = [document.text(v) for v in one.findall("saml:AttributeValue", NAMES)]
        values = [v for v in values if v]
        if values and one.get("Name"):
            found.setdefault(one.get("Name"), []).extend(values)
        if values and one.get("FriendlyName"):
            friendly.setdefault(one.get("FriendlyName"), []).extend(values)
    found = friendly | found
    found = {f"MELLON_{name}": values for name, values in found.items()} | found
    name_id = document.text(assertion.find("saml:Subject/saml:NameID", NAMES))
    if name_id:
        found |= {REMOTE_USER: [name_id], "MELLON_NAME_ID": [name_id]}
    else:
        found[REMOTE_USER] = []
    found |= {"MELLON_IDP": [issuer], "Shib-Identity-Provider": [issuer]}
    return Vouch(issuer, found)
