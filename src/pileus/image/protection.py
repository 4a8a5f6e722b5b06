"""Protected properties: who may create, read, update and delete which extra property.

The operator's file has upstream's form: a section a regular expression, in it the four operations,
each with roles between commas, or with the name of one policy rule; `@` is everybody, `!` nobody.
The first section that matches a property decides; a property that none matches is nobody's.
"""

import configparser
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Forbidden
from ..core.policy import Policy
from ..wire.context import Context
from .settings import BadSettings, Settings

OPERATIONS = ("create", "read", "update", "delete")
Check = Callable[[Context], bool]


@dataclass(frozen=True)
class Protection:
    """The rules of one file; without one, everything is allowed."""

    sections: tuple[tuple[re.Pattern[str], Mapping[str, Check]], ...] | None = None

    def allows(self, ctx: Context, operation: str, name: str) -> bool:
        """Whether the caller may do this to the property."""
        if self.sections is None or name.startswith("os_glance_"):
            return True
        for pattern, checks in self.sections:
            if pattern.match(name):
                return checks[operation](ctx)
        return False

    def require(self, ctx: Context, operation: str, name: str) -> None:
        """Raises Forbidden unless the caller may do this to the property."""
        if not self.allows(ctx, operation, name):
            raise Forbidden(f"Property '{name[:80]}' is protected")

    def readable(self, ctx: Context, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the properties that the caller may read."""
        return {k: v for k, v in properties.items() if self.allows(ctx, "read", k)}


def read(settings: Settings, policy: Policy) -> Protection:
    """The rules of the file that the settings name. Raises BadSettings."""
    if not settings.property_protection_file:
        return Protection()
    path = Path(settings.property_protection_file)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeDecodeError, configparser.Error) as wrong:
        raise BadSettings(f"{path} cannot be read: {wrong}") from None
    by_role = settings.property_protection_rule_format == "roles"
    sections = []
    for section in parser.sections():
        try:
            pattern = re.compile(section)
        except re.error as wrong:
            raise BadSettings(f"{path}: [{section}] is no regular expression: {wrong}") from None
        checks: dict[str, Check] = {}
        for operation in OPERATIONS:
            if operation not in parser[section]:
                raise BadSettings(f"{path}: [{section}] says nothing of {operation!r}.")
            words = [word.strip() for word in parser[section][operation].split(",") if word.strip()]
            where = f"{path}: [{section}] {operation}"
            checks[operation] = _roles(where, words) if by_role else _rule(where, words, policy)
        sections.append((pattern, checks))
    return Protection(tuple(sections))


def _roles(where: str, words: list[str]) -> Check:
    if "@" in words and "!" in words:
        raise BadSettings(f"{where}: '@' and '!' exclude one another.")
    if "@" in words:
        return lambda _ctx: True
    roles = frozenset() if "!" in words else frozenset(word.lower() for word in words)
    return lambda ctx: bool(roles & ctx.who.roles)


def _rule(where: str, words: list[str], policy: Policy) -> Check:
    if len(words) > 1:
        raise BadSettings(f"{where}: one policy rule, not {len(words)}.")
    if words in (["@"], ["!"], []):
        allowed = words == ["@"]
        return lambda _ctx: allowed
    if not policy.knows(words[0]):
        raise BadSettings(f"{where}: there is no policy rule {words[0]!r}.")
    return lambda ctx: ctx.allows(words[0])
