"""A password at a SAML2 identity provider, with keystoneauth1's v3samlpassword."""

from typing import Any

from .enhanced import PASSWORD, USER, EnhancedProvider
from .regions import V3, keystoneauth

TEAM = {"group": {"name": "saml", "domain": {"id": "default"}}}
RULES = [{"local": [{"user": {"name": "{0}"}}, TEAM], "remote": [{"type": "REMOTE_USER"}]}]


def test_a_password_at_the_provider(regions: Any) -> None:
    abroad, provider = regions[1], EnhancedProvider()
    group = abroad.make("group", "groups", name="saml")
    abroad.grant(abroad.make("project", "projects", name="saml"), group)
    abroad.provider("company", "saml2", RULES)
    known = {"kind": "saml2", "entity_id": "urn:idp", "certificates": [provider.signer.pem]}
    abroad.settings(identity_providers={"company": {"saml2": known}})

    found = keystoneauth(
        plugin="v3samlpassword",
        options={
            "auth_url": f"{abroad.base}{V3}",
            "identity_provider": "company",
            "protocol": "saml2",
            "identity_provider_url": provider.url,
            "username": USER,
            "password": PASSWORD,
            "project_name": "saml",
            "project_domain_id": "default",
        },
    )

    provider.close()
    assert (found["user"], found["project"]) == (USER, "saml")
