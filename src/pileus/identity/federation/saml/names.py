"""Names of XML: namespaces, bindings and what else SAML calls by URIs."""

from typing import Any

from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
PAOS = "urn:liberty:paos:2003-08"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMES = {"saml": SAML, "samlp": SAMLP, "md": MD, "ds": DS, "ecp": ECP, "paos": PAOS, "S": SOAP}

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
BY_PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
URI = "urn:oasis:names:tc:SAML:2.0:bindings:URI"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NEXT_ACTOR = "http://schemas.xmlsoap.org/soap/actor/next"
MEDIA = "application/vnd.paos+xml"


def tag(prefix: str, name: str) -> str:
    """A qualified name."""
    return f"{{{NAMES[prefix]}}}{name}"


def make(prefix: str, name: str, *children: Any, **attributes: str) -> Any:
    """An element with these children, or this text."""
    made = etree.Element(tag(prefix, name), attributes, {prefix: NAMES[prefix]})
    for child in children:
        if isinstance(child, str):
            made.text = child
        else:
            made.append(child)
    return made
