"""Short ways to set up an identity provider."""

from typing import Any

import httpx
import yaml

from ..cloud import Cloud

V3 = "/identity/v3"
FED = f"{V3}/OS-FEDERATION"
USER = {"user": {"name": "{0}"}}
BY_SUB = [{"local": [USER], "remote": [{"type": "sub"}]}]
DASHBOARD = "https://dashboard.example.com/auth/websso/"


def settings(cloud: Cloud, providers: dict[str, Any], **more: Any) -> None:
    """Write the cloud's federation.yaml, whole."""
    found = {"identity_providers": providers, "trusted_dashboards": [DASHBOARD]} | more
    (cloud.config.state / "federation.yaml").write_text(yaml.safe_dump(found))


def oidc(issuer: str, **more: Any) -> dict[str, Any]:
    return {"kind": "oidc", "issuer": issuer, "client_id": "pileus"} | more


def provider(
    cloud: Cloud, key: str, rules: Any = BY_SUB, protocol: str = "openid", **more: Any
) -> dict[str, Any]:
    """An enabled identity provider with a mapping and a protocol."""

    def put(path: str, one: str, body: Any) -> dict[str, Any]:
        answer = cloud.admin.put(f"{FED}/{path}", json={one: body})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()[one]
        return found

    version = more.pop("schema_version", "1.0")
    body = {"enabled": True} | more
    made = put(f"identity_providers/{key}", "identity_provider", body)
    put(f"mappings/{key}", "mapping", {"rules": rules, "schema_version": version})
    put(f"identity_providers/{key}/protocols/{protocol}", "protocol", {"mapping_id": key})
    return made


def log_in(
    cloud: Cloud, key: str, bearer: str, protocol: str = "openid", **more: Any
) -> httpx.Response:
    url = f"{cloud.base}{FED}/identity_providers/{key}/protocols/{protocol}/auth"
    return httpx.post(url, headers={"Authorization": f"Bearer {bearer}"}, timeout=60, **more)


def group(cloud: Cloud, name: str, domain_id: str = "default") -> str:
    body = {"group": {"name": name, "domain_id": domain_id}}
    return str(cloud.admin.post(f"{V3}/groups", json=body).json()["group"]["id"])


def project(cloud: Cloud, name: str) -> str:
    body = {"project": {"name": name, "domain_id": "default"}}
    return str(cloud.admin.post(f"{V3}/projects", json=body).json()["project"]["id"])


def role(cloud: Cloud, name: str) -> str:
    found = cloud.admin.get(f"{V3}/roles", params={"name": name}).json()["roles"]
    return str(found[0]["id"])


def grant(cloud: Cloud, group_id: str, project_id: str, name: str = "member") -> None:
    path = f"{V3}/projects/{project_id}/groups/{group_id}/roles/{role(cloud, name)}"
    assert cloud.admin.put(path).status_code == 204


def scoped(cloud: Cloud, token: str, project_id: str) -> httpx.Response:
    identity = {"methods": ["token"], "token": {"id": token}}
    body = {"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}}
    return httpx.post(f"{cloud.base}{V3}/auth/tokens", json=body, timeout=60)


def ask(cloud: Cloud, token: str, path: str) -> httpx.Response:
    return httpx.get(f"{cloud.base}{path}", headers={"X-Auth-Token": token}, timeout=60)
