"""Short ways to make what identity's tests need."""

from typing import Any

import httpx

from ...cloud import Cloud

V3 = "/identity/v3"


def made(answer: httpx.Response, key: str) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()[key]
    return found


def user(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    body = {"user": {"name": name, "password": f"{name}-secret"} | more}
    return made(cloud.admin.post(f"{V3}/users", json=body), "user")


def project(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    return made(
        cloud.admin.post(f"{V3}/projects", json={"project": {"name": name} | more}), "project"
    )


def role(cloud: Cloud, name: str) -> str:
    found = cloud.admin.get(f"{V3}/roles", params={"name": name}).json()["roles"]
    return str(found[0]["id"])


def grant(cloud: Cloud, user_id: str, project_id: str, name: str = "member") -> str:
    path = f"{V3}/projects/{project_id}/users/{user_id}/roles/{role(cloud, name)}"
    assert cloud.admin.put(path).status_code == 204
    return path


def member(cloud: Cloud, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A user and a project of the same name, and the role member between them."""
    who, where = user(cloud, name), project(cloud, name)
    grant(cloud, who["id"], where["id"])
    return who, where


def login(cloud: Cloud, identity: dict[str, Any], scope: Any = None) -> httpx.Response:
    auth: dict[str, Any] = {"identity": identity} | ({} if scope is None else {"scope": scope})
    return httpx.post(f"{cloud.base}{V3}/auth/tokens", json={"auth": auth}, timeout=60)


def by_password(name: str, password: str = "") -> dict[str, Any]:
    who = {"name": name, "domain": {"id": "default"}, "password": password or f"{name}-secret"}
    return {"methods": ["password"], "password": {"user": who}}


def by_token(token: str) -> dict[str, Any]:
    return {"methods": ["token"], "token": {"id": token}}


def on(project_id: str) -> dict[str, Any]:
    return {"project": {"id": project_id}}


def works(cloud: Cloud, token: str) -> bool:
    """Whether a token opens anything."""
    headers = {"X-Auth-Token": token}
    return httpx.get(f"{cloud.base}{V3}/auth/projects", headers=headers).status_code == 200
