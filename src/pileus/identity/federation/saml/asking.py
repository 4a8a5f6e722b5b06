"""Requests to identity providers, by the browser or by an enhanced client (ECP)."""

import base64
import zlib
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import document
from .keypair import Keypair
from .names import BY_PAOS, NEXT_ACTOR, POST, make, tag

_ALGORITHM = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SERVICE = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"


def _request(entity_id: str, key: str, here: str, binding: str, now: datetime, to: str) -> Any:
    attributes = {"Destination": to} if to else {}
    return make(
        "samlp",
        "AuthnRequest",
        make("saml", "Issuer", entity_id),
        make("samlp", "NameIDPolicy", AllowCreate="true"),
        ID=key,
        Version="2.0",
        IssueInstant=f"{now:%Y-%m-%dT%H:%M:%S}Z",
        AssertionConsumerServiceURL=here,
        ProtocolBinding=binding,
        **attributes,
    )


def address(sso_url: str, entity_id: str, key: str, here: str, now: datetime, keys: Keypair) -> str:
    """The URL to which the browser brings the request, signed (HTTP-Redirect binding)."""
    request = document.dump(_request(entity_id, key, here, POST, now, sso_url))
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(request) + packer.flush()
    query = {"SAMLRequest": base64.b64encode(packed).decode(), "SigAlg": _ALGORITHM}
    text = urlencode(query)
    signed = keys.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    text += "&" + urlencode({"Signature": base64.b64encode(signed).decode()})
    return sso_url + ("&" if "?" in sso_url else "?") + text


def envelope(entity_id: str, key: str, here: str, relay_state: str, now: datetime) -> bytes:
    """The request as an enhanced client takes it to the identity provider (PAOS binding)."""
    paos = make("paos", "Request", responseConsumerURL=here, service=_SERVICE)
    asked = make("ecp", "Request", make("saml", "Issuer", entity_id), IsPassive="0")
    state = make("ecp", "RelayState", relay_state)
    for header in (paos, asked, state):
        header.set(tag("S", "actor"), NEXT_ACTOR)
        header.set(tag("S", "mustUnderstand"), "1")
    request = _request(entity_id, key, here, BY_PAOS, now, "")
    head = make("S", "Header", paos, asked, state)
    return document.dump(make("S", "Envelope", head, make("S", "Body", request)))
