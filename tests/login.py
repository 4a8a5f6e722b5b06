"""What a client sends to log in: by name and password, all in the default domain."""

from typing import Any


def by_password(user: str, password: str) -> dict[str, Any]:
    """The identity of `POST /v3/auth/tokens`."""
    who = {"name": user, "domain": {"id": "default"}, "password": password}
    return {"methods": ["password"], "password": {"user": who}}


def login(user: str, password: str, project: str = "admin") -> dict[str, Any]:
    """The body of `POST /v3/auth/tokens` for a token of a project, by its name."""
    scope = {"project": {"name": project, "domain": {"id": "default"}}}
    return {"auth": {"identity": by_password(user, password), "scope": scope}}
