"""Let a cloud believe what it says itself, for Tempest's Keystone-to-Keystone tests: both sides."""

from pathlib import Path

import httpx
import yaml
from lxml import etree

_NS = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}


def believe(base: str, state: Path) -> None:
    """Set the cloud up as its own identity provider, `keystone`."""
    at = f"{base}/identity/v3/OS-FEDERATION/saml2/metadata"
    found = etree.fromstring(httpx.get(at, timeout=60).content)
    key = found.findtext(".//md:IDPSSODescriptor//ds:X509Certificate", None, _NS)
    pem = f"-----BEGIN CERTIFICATE-----\n{key}\n-----END CERTIFICATE-----\n"
    known = {"kind": "saml2", "entity_id": found.get("entityID"), "certificates": [pem]}
    settings = {"identity_providers": {"keystone": {"mapped": known}}}
    (state / "federation.yaml").write_text(yaml.safe_dump(settings))
