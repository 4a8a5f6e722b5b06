"""What other sides must know of this cloud: GET /v3/OS-FEDERATION/saml2/metadata."""

import base64
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import serialization

from . import document
from .keypair import Keypair
from .names import BY_PAOS, POST, SAMLP, UNSPECIFIED, URI, make


def describe(entity_id: str, sso_url: str, consumers: Sequence[str], keys: Keypair) -> bytes:
    """The entity descriptor: as identity provider, and as service provider where it is one.

    consumers: the URLs that take responses of identity providers.
    """
    found = make("md", "EntityDescriptor", entityID=entity_id)
    found.append(
        make(
            "md",
            "IDPSSODescriptor",
            _key(keys),
            make("md", "NameIDFormat", UNSPECIFIED),
            make("md", "SingleSignOnService", Binding=URI, Location=sso_url),
            protocolSupportEnumeration=SAMLP,
        )
    )
    services = [(binding, url) for url in consumers for binding in (POST, BY_PAOS)]
    if services:
        as_consumer = make(
            "md",
            "SPSSODescriptor",
            _key(keys),
            protocolSupportEnumeration=SAMLP,
            AuthnRequestsSigned="true",
            WantAssertionsSigned="true",
        )
        for index, (binding, url) in enumerate(services):
            as_consumer.append(
                make(
                    "md",
                    "AssertionConsumerService",
                    Binding=binding,
                    Location=url,
                    index=str(index),
                )
            )
        found.append(as_consumer)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + document.dump(found)


def _key(keys: Keypair) -> Any:
    der = keys.certificate.public_bytes(serialization.Encoding.DER)
    certificate = make("ds", "X509Certificate", base64.b64encode(der).decode())
    info = make("ds", "KeyInfo", make("ds", "X509Data", certificate))
    return make("md", "KeyDescriptor", info, use="signing")
