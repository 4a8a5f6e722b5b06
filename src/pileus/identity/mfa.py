"""Rules of a user that ask for several methods in one login (`multi_factor_auth_rules`)."""

from collections.abc import Collection, Mapping
from typing import Any


def lacking(
    options: Mapping[str, Any], used: Collection[str], possible: Collection[str]
) -> list[list[str]]:
    """The rules that would let the user in; none when one of them is met, or there are none.

    possible: methods that there are at all. Others in a rule are passed over, and so is a rule of
    nothing but others, so that nobody is locked out by one.
    """
    if not options.get("multi_factor_auth_enabled", True):
        return []
    rules: list[list[str]] = options.get("multi_factor_auth_rules") or []
    known = [[method for method in rule if method in possible] for rule in rules]
    known = [rule for rule in known if rule]
    return [] if any(set(rule) <= set(used) for rule in known) else known
