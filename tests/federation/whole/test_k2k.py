"""Keystone-to-Keystone: from one cloud into another, with the real keystoneauth1."""

from typing import Any

import httpx
from lxml import etree

from ...login import by_password
from .regions import FED, V3, Region, keystoneauth

RULES = [
    {
        "local": [{"user": {"name": "{0}"}}, {"groups": "{1}"}],
        "remote": [{"type": "openstack_user"}, {"type": "openstack_groups"}],
    }
]
NS = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}


def _trust(home: Region, abroad: Region) -> None:
    """Let `abroad` believe what `home` says, as docs/federation.md tells."""
    metadata = httpx.get(f"{home.base}{FED}/saml2/metadata").content
    found = etree.fromstring(metadata)
    certificate = found.findtext(".//md:IDPSSODescriptor//ds:X509Certificate", None, NS)
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
    known = {"kind": "saml2", "entity_id": found.get("entityID"), "certificates": [pem]}
    abroad.settings(identity_providers={"home": {"mapped": known}})
    abroad.provider("home", "mapped", RULES, remote_ids=[found.get("entityID")])
    at = "identity_providers/home/protocols/mapped"
    urls = {
        "auth_url": f"{abroad.base}{FED}/{at}/auth",
        "sp_url": f"{abroad.base}{V3}/auth/OS-FEDERATION/{at}/saml2/acs",
        "enabled": True,
    }
    home.ask("PUT", "OS-FEDERATION/service_providers/abroad", {"service_provider": urls})


def _ready(home: Region, abroad: Region) -> dict[str, Any]:
    """A user at home in a group that has a project abroad; how it logs in at home."""
    _trust(home, abroad)
    user = home.make("user", "users", name="traveller", password="traveller-secret")
    project = home.make("project", "projects", name="at-home")
    group = home.make("group", "groups", name="travellers")
    home.ask("PUT", f"groups/{group}/users/{user}")
    home.grant(project, group)
    there = abroad.make("group", "groups", name="travellers")
    abroad.grant(abroad.make("project", "projects", name="shared"), there)
    return {
        "auth_url": f"{home.base}{V3}",
        "username": "traveller",
        "password": "traveller-secret",
        "user_domain_id": "default",
        "project_name": "at-home",
        "project_domain_id": "default",
    }


def test_a_user_of_one_cloud_works_in_another(regions: tuple[Region, Region]) -> None:
    home, abroad = regions
    base = _ready(home, abroad)

    found = keystoneauth(
        plugin="k2k",
        base=base,
        service_provider="abroad",
        options={"project_name": "shared", "project_domain_id": "default"},
    )

    assert (found["user"], found["project"]) == ("traveller", "shared")
    assert found["roles"] == ["member", "reader"]
    assert found["identity"].startswith(abroad.base)
    head = {"X-Auth-Token": found["token"]}
    assert httpx.get(f"{abroad.base}/compute/v2.1/servers", headers=head).status_code == 200
    assert httpx.get(f"{home.base}/compute/v2.1/servers", headers=head).status_code == 401
    user = abroad.ask("GET", f"users/{found['user_id']}")["user"]
    assert user["federated"][0]["idp_id"] == "home"
    _the_assertion_is_for_one_place_and_once(home, abroad, base)


def _the_assertion_is_for_one_place_and_once(
    home: Region, abroad: Region, base: dict[str, Any]
) -> None:
    identity = by_password("traveller", base["password"])
    scope = {"project": {"name": "at-home", "domain": {"id": "default"}}}
    body = {"auth": {"identity": identity, "scope": scope}}
    token = httpx.post(f"{home.base}{V3}/auth/tokens", json=body).headers["X-Subject-Token"]
    proof = {"methods": ["token"], "token": {"id": token}}
    asked = {"auth": {"identity": proof, "scope": {"service_provider": {"id": "abroad"}}}}
    at = f"{home.base}{V3}/auth/OS-FEDERATION/saml2"

    made = httpx.post(f"{at}/ecp", json=asked, timeout=60)

    assert made.headers["X-sp-url"].startswith(abroad.base)
    kind = {"Content-Type": "application/vnd.paos+xml"}

    def bring(content: bytes) -> int:
        return httpx.post(made.headers["X-sp-url"], content=content, headers=kind).status_code

    assert bring(made.content.replace(b">traveller<", b">admin<")) == 401
    assert bring(made.content) == 303
    assert bring(made.content) == 401
    plain = httpx.post(at, json=asked, timeout=60)
    assert etree.fromstring(plain.content).tag.endswith("}Response")
