"""Users' options: exceptions from the rules of passwords, and the methods that a login must use."""

from collections.abc import Mapping
from typing import Any

from ..core.types import Bool, Field, ListOf, Object, Text, Where

_FLAG = Field(Bool(), null=True)
_RULES = ListOf(ListOf(Text(64, 1), 16, 1), 100)
_FORM = Object(
    {
        "ignore_change_password_upon_first_use": _FLAG,
        "ignore_password_expiry": _FLAG,
        "ignore_lockout_failure_attempts": _FLAG,
        "ignore_user_inactivity": _FLAG,
        "lock_password": _FLAG,
        "multi_factor_auth_enabled": _FLAG,
        "multi_factor_auth_rules": Field(_RULES, null=True),
    }
)


def changed(now: Mapping[str, Any], given: object, where: Where) -> dict[str, Any]:
    """The options after a change: those that are given are set, null takes one away.

    Raises BadRequest.
    """
    wanted = _FORM.parse(given, where)
    rules = wanted.get("multi_factor_auth_rules") or []
    at = where.at("multi_factor_auth_rules")
    if any(rule in rules[:index] for index, rule in enumerate(rules)):
        raise at.wrong(rules, "a list without the same rule twice")
    if any(len(set(rule)) < len(rule) for rule in rules):
        raise at.wrong(rules, "a list of rules that name each method once")
    return {key: value for key, value in {**now, **wanted}.items() if value is not None}
