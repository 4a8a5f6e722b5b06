"""What a mapping may look like: the declaration of its rules."""

import re
from typing import Any

from ...core.errors import BadRequest
from ...core.types import AnyOf, Bool, Enum, Field, ListOf, Object, Text, Type, Where

VERSIONS = ("1.0", "2.0")
_Word = Text(1024)
_DOMAIN = Object({"id": _Word, "name": _Word})
_ROLES = ListOf(Object({"name": Field(_Word, required=True)}))
_GROUP = AnyOf(
    Object({"id": Field(_Word, required=True)}),
    Object({"name": Field(_Word, required=True), "domain": Field(_DOMAIN, required=True)}),
)
_USER = Object(
    {
        "id": _Word,
        "name": _Word,
        "email": _Word,
        "domain": _DOMAIN,
        "type": Enum("ephemeral", "local"),
    }
)
_CONDITIONS = ("any_one_of", "not_any_of", "blacklist", "whitelist")
_lists: dict[str, Field | Type[Any]] = {word: ListOf(_Word) for word in _CONDITIONS}
_REMOTE = Object(
    {"type": Field(Text(255, 1), required=True), "regex": Bool(), **_lists},
)


def _rules(version: str) -> Type[list[Any]]:
    project: dict[str, Field | Type[Any]] = {
        "name": Field(_Word, required=True),
        "roles": Field(_ROLES, required=True),
    }
    if version == "2.0":
        project["domain"] = _DOMAIN
    local = Object(
        {
            "user": _USER,
            "projects": ListOf(Object(project)),
            "group": _GROUP,
            "groups": Text(65535),
            "group_ids": Text(65535),
            "domain": _DOMAIN,
        }
    )
    rule = Object(
        {
            "local": Field(ListOf(local), required=True),
            "remote": Field(ListOf(_REMOTE, minimum=1), required=True),
        }
    )
    return ListOf(rule, minimum=1)


_BY_VERSION = {version: _rules(version) for version in VERSIONS}
_BODY = {
    version: Object(
        {"id": _Word, "rules": Field(rules, required=True), "schema_version": Enum(*VERSIONS)}
    )
    for version, rules in _BY_VERSION.items()
}


def read(body: object, key: str, where: Where) -> tuple[list[Any], str]:
    """The rules and the schema version ("1.0" by default) of a body.

    key: the mapping's id, the only one that the body may say. Raises BadRequest.
    """
    version = body.get("schema_version") if isinstance(body, dict) else None
    known = version if version in VERSIONS else VERSIONS[0]
    given = dict(body) if isinstance(body, dict) else body
    if isinstance(given, dict) and version is None:
        given.pop("schema_version", None)
    found = _BODY[known].parse(given, where)
    if found.get("id", key) != key:
        raise where.at("id").wrong(found["id"], f"{key!r}, as the URL says, or left out")
    for index, rule in enumerate(found["rules"]):
        for number, remote in enumerate(rule["remote"]):
            _check(remote, where.at("rules").at(index).at("remote").at(number))
    return found["rules"], known


def _check(remote: dict[str, Any], where: Where) -> None:
    """Raises BadRequest for two conditions at once, or an expression that cannot be read."""
    used = [word for word in _CONDITIONS if word in remote]
    if len(used) > 1:
        raise where.wrong(remote, f"an object with only one of {' and '.join(used)}")
    if not remote.get("regex"):
        return
    for word in used:
        for index, expression in enumerate(remote[word]):
            try:
                re.compile(expression)
            except (re.error, RecursionError, OverflowError) as wrong:
                place = where.at(word).at(index)
                raise place.wrong(expression, f"a regular expression: {wrong}") from None
    if not used:
        raise BadRequest(f"{where.at('regex').path} needs one of {', '.join(_CONDITIONS)}.")
