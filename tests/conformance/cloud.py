"""A running cloud as other people's suites need it: with people of any role."""

from functools import cache
from typing import Any

import httpx

DEFAULT = {"id": "default"}


class Cloud:
    """The cloud at `base`, whose admin has this password."""

    def __init__(self, base: str, password: str) -> None:
        self.base = base
        self._http = httpx.Client(base_url=base, timeout=60)
        self._root = self._login(
            "admin", password, {"project": {"name": "admin", "domain": DEFAULT}}
        )
        self.token = cache(self._token)
        self.project = cache(self._project)

    def list(self, path: str) -> list[dict[str, Any]]:
        """What the admin sees in a list of any service."""
        found = self.call("GET", path, None, {"X-Auth-Token": self._root}).json()
        return next(value for value in found.values() if isinstance(value, list))

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        """Call any service. Raises for an error."""
        answer = self._http.request(method, path, json=body, headers=headers)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _token(self, roles: tuple[str, ...], project: str = "") -> str:
        """A token of somebody with exactly these roles in the project, or in the system."""
        name = "-".join(("suite", *roles, project or "system"))
        body = {"name": name, "password": name}
        user = self._ensure("users", "user", body)
        where = f"projects/{self.project(project)}" if project else "system"
        for role in roles:
            id = self._ensure("roles", "role", {"name": role})
            self._identity("PUT", f"/{where}/users/{user}/roles/{id}")
        scope = {"project": {"id": self.project(project)}} if project else {"system": {"all": True}}
        return self._login(name, name, scope)

    def _project(self, name: str) -> str:
        """The id of the project of this name, or with this id."""
        if any(one["id"] == name for one in self._identity("GET", "/projects").json()["projects"]):
            return name
        return self._ensure("projects", "project", {"name": name})

    def _ensure(self, many: str, one: str, body: dict[str, str]) -> str:
        found = self._identity("GET", f"/{many}?name={body['name']}").json()[many]
        made = found[0] if found else self._identity("POST", f"/{many}", {one: body}).json()[one]
        return str(made["id"])

    def _identity(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.call(method, f"/identity/v3{path}", body, {"X-Auth-Token": self._root})

    def _login(self, name: str, password: str, scope: dict[str, Any]) -> str:
        user = {"name": name, "domain": DEFAULT, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = self._http.post("/identity/v3/auth/tokens", json=body)
        if answer.is_error:
            raise RuntimeError(f"{name} cannot log in: {answer.text}")
        return answer.headers["X-Subject-Token"]
