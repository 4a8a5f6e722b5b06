"""The body of a login: `{"auth": {"identity": {…}, "scope": {…}}}`, read and checked."""

from dataclasses import dataclass
from typing import Any

from ..core.errors import BadRequest, Unauthorized
from ..core.types import Bool, Enum, Field, Json, ListOf, Object, Text, Type, Where
from .passwords import LONGEST
from .payload import METHODS

_ID, _NAME = Text(64, 1), Text(255)
_DOMAIN = Object({"id": _ID, "name": _NAME}, extra=True)
_PASSWORD = Field(Text(LONGEST), required=True)
_USER: dict[str, Field | Type[Any]] = {"id": _ID, "name": _NAME, "domain": _DOMAIN}
_IDENTITY = Object(
    {
        "methods": Field(ListOf(Text(64), 8, 1), required=True),
        "password": Object(
            {"user": Field(Object(_USER | {"password": _PASSWORD}, extra=True), required=True)}
        ),
        "token": Object({"id": Field(Text(LONGEST, 1), required=True)}),
        "application_credential": Object(
            {
                "id": _ID,
                "name": _NAME,
                "secret": Field(Text(LONGEST), required=True),
                "user": Object(_USER, extra=True),
            }
        ),
    },
    extra=True,
)
_SCOPE = Object(
    {
        "project": Object({"id": _ID, "name": _NAME, "domain": _DOMAIN}, extra=True),
        "domain": _DOMAIN,
        "system": Object({"all": Field(Bool(), required=True)}),
        "OS-TRUST:trust": Json(),
    }
)
_UNSCOPED = Enum("unscoped")


@dataclass(frozen=True)
class Wanted:
    """What a login asks for. `scope` is None when it names none, {} when it wants none."""

    methods: tuple[str, ...]
    proofs: dict[str, dict[str, Any]]
    scope: dict[str, Any] | None


def read(body: object) -> Wanted:
    """Read a login's body. Raises BadRequest, or Unauthorized for a method that there is not."""
    top = Object({"auth": Field(Json(), required=True)}).parse(body, Where())
    where = Where("auth")
    auth = Object({"identity": Field(Json(), required=True), "scope": Field(Json(), null=True)})
    found = auth.parse(top["auth"], where)
    identity = _IDENTITY.parse(found["identity"], where.at("identity"))
    methods = tuple(dict.fromkeys(identity["methods"]))
    for method in methods:
        if method not in METHODS:
            raise Unauthorized(
                f"The login method {method!r} is not possible here; {', '.join(METHODS)} are."
            )
        if method not in identity:
            raise BadRequest(f"auth.identity.{method} is required and missing.")
    proofs = {method: identity[method] for method in methods}
    for method in methods:
        _check_names(method, proofs[method])
    return Wanted(methods, proofs, _scope(found.get("scope"), where.at("scope")))


def _check_names(method: str, proof: dict[str, Any]) -> None:
    if method == "password":
        _one(proof["user"], "auth.identity.password.user")
    elif method == "application_credential":
        where = "auth.identity.application_credential"
        if "id" not in proof and "name" not in proof:
            raise BadRequest(f"{where} must have an id, or a name and a user.")
        if "id" not in proof:
            _one(proof.get("user", {}), f"{where}.user")


def _one(thing: dict[str, Any], where: str) -> None:
    """A thing must be named by its id, or by a name and a domain."""
    if "id" in thing:
        return
    domain = thing.get("domain", {})
    if "name" not in thing or not ("id" in domain or "name" in domain):
        raise BadRequest(f"{where} must have an id, or a name and a domain with an id or a name.")


def _scope(value: object, where: Where) -> dict[str, Any] | None:
    if value is None:
        return None
    if isinstance(value, str):
        _UNSCOPED.parse(value, where)
        return {}
    if value == {"unscoped": {}}:
        return {}
    scope = _SCOPE.parse(value, where)
    if len(scope) != 1:
        raise where.wrong(value, "an object with one of the keys project, domain and system")
    if "OS-TRUST:trust" in scope:
        raise where.wrong(value, "a project, a domain or the system: trusts are not built")
    if "project" in scope:
        _one(scope["project"], where.at("project").path)
    elif "domain" in scope and not {"id", "name"} & scope["domain"].keys():
        raise BadRequest(f"{where.at('domain').path} must have an id or a name.")
    elif "system" in scope and not scope["system"]["all"]:
        raise where.at("system").wrong(value, '{"all": true}')
    return scope
