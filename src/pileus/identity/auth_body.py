"""The body of a login: `{"auth": {"identity": {…}, "scope": {…}}}`, read and checked."""

from dataclasses import dataclass
from typing import Any

from ..core.errors import BadRequest, Unauthorized
from ..core.types import Bool, Enum, Field, Json, ListOf, Object, Text, Where
from .methods import METHODS, named

_IDENTITY = Object(
    {
        "methods": Field(ListOf(Text(64), 8, 1), required=True),
        **{name: method.form for name, method in METHODS.items()},
    },
    extra=True,
)
_SCOPE = Object(
    {
        "project": Object({"id": named.ID, "name": named.NAME, "domain": named.DOMAIN}, extra=True),
        "domain": named.DOMAIN,
        "system": Object({"all": Field(Bool(), required=True)}),
        "OS-TRUST:trust": Object({"id": Field(named.ID, required=True)}),
    }
)
_UNSCOPED = Enum("unscoped")
_AUTH = Object({"identity": Field(_IDENTITY, required=True), "scope": Field(Json(), null=True)})
_BODY = Object({"auth": Field(_AUTH, required=True)})


@dataclass(frozen=True)
class Wanted:
    """What a login asks for. `scope` is None when it names none, {} when it wants none."""

    methods: tuple[str, ...]
    given: dict[str, dict[str, Any]]  # by method
    scope: dict[str, Any] | None

    @property
    def trust_id(self) -> str:
        """The trust that it is for, or empty."""
        return str((self.scope or {}).get("OS-TRUST:trust", {}).get("id", ""))


def read(body: object) -> Wanted:
    """Read a login's body. Raises BadRequest, or Unauthorized for a method that there is not."""
    found = _BODY.parse(body, Where())["auth"]
    where, identity = Where("auth"), found["identity"]
    methods = tuple(dict.fromkeys(identity["methods"]))
    for method in methods:
        if method not in METHODS:
            raise Unauthorized(
                f"The login method {method!r} is not possible here; {', '.join(METHODS)} are."
            )
        if method not in identity:
            raise BadRequest(f"auth.identity.{method} is required and missing.")
    given = {method: identity[method] for method in methods}
    for method in methods:
        METHODS[method].check(given[method])
    return Wanted(methods, given, _scope(found.get("scope"), where.at("scope")))


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
        raise where.wrong(
            value, "an object with one of the keys project, domain, system and OS-TRUST:trust"
        )
    if "project" in scope:
        named.check(scope["project"], where.at("project").path)
    elif "domain" in scope and not {"id", "name"} & scope["domain"].keys():
        raise BadRequest(f"{where.at('domain').path} must have an id or a name.")
    elif "system" in scope and not scope["system"]["all"]:
        raise where.at("system").wrong(value, '{"all": true}')
    return scope
