"""Signatures: which part of a response an identity provider has signed.

Of what came in, nothing but the part that the signature covers is looked at afterwards, and that
part is what the verifier hands back, not what stands somewhere in the document. So it does not help
to move a signed assertion aside and put another in its place.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ....core.errors import Unauthorized, Unavailable
from ..settings import Saml
from . import document
from .names import NAMES, tag

_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})


def signed_assertion(settings: Saml, response: Any) -> Any:
    """The one assertion of a response, from within what is signed. Raises Unauthorized."""
    if response.tag != tag("samlp", "Response"):
        raise Unauthorized("What the identity provider sent is no SAML response.")
    found = _only_assertion(response)
    certificates = list(_certificates(settings))
    if response.find("ds:Signature", NAMES) is not None:
        found = _only_assertion(_covered(settings, certificates, response))
        if found.find("ds:Signature", NAMES) is None:
            return found
    return _covered(settings, certificates, found)


def _only_assertion(response: Any) -> Any:
    found = response.findall("saml:Assertion", NAMES)
    if response.find("saml:EncryptedAssertion", NAMES) is not None:
        raise Unauthorized("The assertion is encrypted: let the identity provider sign it only.")
    if len(found) != 1 or len(list(response.iter(tag("saml", "Assertion")))) != 1:
        raise Unauthorized("A SAML response must have one assertion, directly below it.")
    return found[0]


def _covered(settings: Saml, certificates: list[x509.Certificate], element: Any) -> Any:
    """The element as its own signature covers it. Raises Unauthorized."""
    if len(element.findall("ds:Signature", NAMES)) != 1:
        raise Unauthorized("The assertion is not signed.")
    # A document of its own: a reference can lead nowhere else.
    alone = document.parse(document.dump(element))
    extra = {SignatureMethod.RSA_SHA1} if settings.allow_sha1 else set()
    more = {DigestAlgorithm.SHA1} if settings.allow_sha1 else set()
    config = SignatureConfiguration(
        location="./",
        signature_methods=_METHODS | extra,
        digest_algorithms=_DIGESTS | more,
        ignore_ambiguous_key_info=True,  # the key is one of ours, whatever is told of it
    )
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(
                alone, x509_cert=certificate, id_attribute="ID", expect_config=config
            )
        except (SignXMLException, ValueError, TypeError):
            continue
        covered = None if isinstance(result, list) else result.signed_xml
        if covered is not None and covered.tag == element.tag and _same(covered, element):
            return covered
    raise Unauthorized("The assertion is not signed by the identity provider.")


def _same(one: Any, other: Any) -> bool:
    return bool(one.get("ID")) and one.get("ID") == other.get("ID")


def _certificates(settings: Saml) -> Iterable[x509.Certificate]:
    for given in settings.certificates:
        try:
            data = given.encode() if "-----BEGIN" in given else Path(given).read_bytes()
            yield from x509.load_pem_x509_certificates(data)
        except (OSError, ValueError) as wrong:
            raise Unavailable(
                f"The certificate of the identity provider {settings.entity_id} cannot be read:"
                f" {wrong}"
            ) from None
