"""This cloud as identity provider: signed assertions of its users for other clouds."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner

from .keypair import Keypair
from .names import (
    BEARER,
    ENTITY,
    NEXT_ACTOR,
    PASSWORD,
    SUCCESS,
    UNSPECIFIED,
    make,
    tag,
)
from .relay import new_id


@dataclass(frozen=True)
class Person:
    """A user of this cloud on a project, as another cloud is told of it."""

    name: str
    domain: str
    project: str
    project_domain: str
    roles: Sequence[str]
    groups: Sequence[tuple[str, str]]  # names, and their domains' names

    @property
    def attributes(self) -> Mapping[str, Sequence[str]]:
        """By the names that upstream gives them."""
        groups = [
            "JSON:" + json.dumps({"name": name, "domain": {"name": domain}})
            for name, domain in self.groups
        ]
        found = {
            "openstack_user": [self.name],
            "openstack_roles": self.roles,
            "openstack_project": [self.project],
            "openstack_project_domain": [self.project_domain],
            "openstack_user_domain": [self.domain],
        }
        return found | ({"openstack_groups": groups} if groups else {})


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def response(
    person: Person, issuer: str, recipient: str, now: datetime, seconds: int, keys: Keypair
) -> Any:
    """A response with a signed assertion for the service provider at `recipient`."""
    until = _written(now + timedelta(seconds=seconds))
    assertion = _assertion(person, issuer, recipient, now, until)
    signed = _sign(assertion, keys)
    status = make("samlp", "Status", make("samlp", "StatusCode", Value=SUCCESS))
    return make(
        "samlp",
        "Response",
        make("saml", "Issuer", issuer, Format=ENTITY),
        status,
        signed,
        ID=new_id(),
        Version="2.0",
        IssueInstant=_written(now),
        Destination=recipient,
    )


def _assertion(person: Person, issuer: str, recipient: str, now: datetime, until: str) -> Any:
    data = make("saml", "SubjectConfirmationData", NotOnOrAfter=until, Recipient=recipient)
    subject = make(
        "saml",
        "Subject",
        make("saml", "NameID", person.name, Format=UNSPECIFIED),
        make("saml", "SubjectConfirmation", data, Method=BEARER),
    )
    context = make("saml", "AuthnContext", make("saml", "AuthnContextClassRef", PASSWORD))
    context.append(make("saml", "AuthenticatingAuthority", issuer))
    statement = make(
        "saml",
        "AuthnStatement",
        context,
        AuthnInstant=_written(now),
        SessionIndex=secrets.token_hex(16),
        SessionNotOnOrAfter=until,
    )
    attributes = make("saml", "AttributeStatement")
    for name, values in person.attributes.items():
        texts = [make("saml", "AttributeValue", value) for value in values]
        attributes.append(make("saml", "Attribute", *texts, Name=name))
    return make(
        "saml",
        "Assertion",
        make("saml", "Issuer", issuer, Format=ENTITY),
        subject,
        make("saml", "Conditions", NotBefore=_written(now), NotOnOrAfter=until),
        statement,
        attributes,
        ID=new_id(),
        Version="2.0",
        IssueInstant=_written(now),
    )


def _sign(assertion: Any, keys: Keypair) -> Any:
    """The assertion with its signature where the schema wants it: behind the issuer."""
    pem = keys.certificate.public_bytes(serialization.Encoding.PEM).decode()
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    placed = make("ds", "Signature", Id="placeholder")
    assertion.insert(1, placed)
    return signer.sign(
        assertion,
        key=keys.key,
        cert=pem,
        reference_uri="#" + assertion.get("ID"),
        id_attribute="ID",
    )


def envelope(body: Any, relay_state: str) -> Any:
    """A SOAP envelope as ECP has it, with the response in it."""
    state = make("ecp", "RelayState", relay_state)
    state.set(tag("S", "actor"), NEXT_ACTOR)
    state.set(tag("S", "mustUnderstand"), "1")
    return make("S", "Envelope", make("S", "Header", state), make("S", "Body", body))
