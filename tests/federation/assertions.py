"""SAML responses as an identity provider makes them, each part to be bent by a test."""

import base64
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner

NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
PAOS = {"Content-Type": "application/vnd.paos+xml"}


class Signer:
    """A key and its certificate."""

    def __init__(self, host: str = "idp") -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.now(UTC)
        address = host.replace(".", "").isdigit()
        known = x509.IPAddress(ip_address(host)) if address else x509.DNSName(host)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=9))
            .add_extension(x509.SubjectAlternativeName([known]), False)
            .sign(self.key, hashes.SHA256())
        )
        self.pem = made.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, element: Any) -> Any:
        signer = XMLSigner(c14n_algorithm=C14N)
        return signer.sign(
            element,
            key=self.key,
            cert=self.pem,
            reference_uri="#" + element.get("ID"),
            id_attribute="ID",
        )


def when(seconds: float = 0) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def assertion(to: str, key: str = "a1", name: str = "alice", **bent: Any) -> Any:
    """An assertion about `name` for the service provider at `to`, not signed yet."""
    answered = f' InResponseTo="{bent["request"]}"' if bent.get("request") else ""
    audience = bent.get("audience", "")
    if audience:
        audience = (
            f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>"
            "</saml:AudienceRestriction>"
        )
    statement = bent.get("statement", f'<saml:AuthnStatement AuthnInstant="{when()}"/>')
    return etree.fromstring(
        f"""<saml:Assertion xmlns:saml="{NS["saml"]}" ID="{key}" Version="2.0"
  IssueInstant="{when()}"><saml:Issuer>{bent.get("issuer", "urn:idp")}</saml:Issuer>
  <saml:Subject><saml:NameID>{name}</saml:NameID>
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
      <saml:SubjectConfirmationData Recipient="{bent.get("recipient", to)}"{answered}
        NotOnOrAfter="{bent.get("until", when(300))}"/>
    </saml:SubjectConfirmation></saml:Subject>
  <saml:Conditions NotBefore="{bent.get("start", when(-5))}"
    NotOnOrAfter="{bent.get("end", when(300))}">{audience}</saml:Conditions>{statement}
  <saml:AttributeStatement><saml:Attribute Name="urn:oid:1" FriendlyName="groups">
    <saml:AttributeValue>dev</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>
</saml:Assertion>"""
    )


def response(inner: Any, to: str, key: str = "r1", status: str = "Success") -> Any:
    """The response around an assertion."""
    made = etree.fromstring(
        f"""<samlp:Response xmlns:samlp="{NS["samlp"]}" ID="{key}" Version="2.0"
  IssueInstant="{when()}" Destination="{to}"><samlp:Status><samlp:StatusCode
  Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status></samlp:Response>"""
    )
    made.append(inner)
    return made


def enveloped(inner: Any, relay_state: str = "") -> bytes:
    """A SOAP envelope with the response, as an enhanced client sends it."""
    xml = etree.tostring(inner).decode()
    return (
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header>'
        '<ecp:RelayState xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp">'
        f"{relay_state}</ecp:RelayState></S:Header><S:Body>{xml}</S:Body></S:Envelope>"
    ).encode()


def posted(inner: Any) -> dict[str, str]:
    """The form that a browser brings."""
    return {"SAMLResponse": base64.b64encode(etree.tostring(inner)).decode()}
