"""Who may do what: rules in oslo.policy's syntax, compiled to functions.

A rule is a name and an expression over the caller's credentials and the target:
`role:admin or (role:member and project_id:%(project_id)s)`. Operators override expressions by name
in a `policy.yaml` (docs: oslo.policy's "policy file syntax").
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Check = Callable[["Credentials", Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Credentials:
    """Who is asking, as the token says. `roles` holds implied roles too, in lower case."""

    user_id: str = ""
    user_name: str = ""
    user_domain_id: str = ""
    project_id: str = ""
    project_domain_id: str = ""
    domain_id: str = ""
    system: bool = False
    roles: frozenset[str] = frozenset()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """What the token is for, as rules ask for it."""
        if self.system:
            return "system"
        return "domain" if self.domain_id else "project"

    def value(self, name: str) -> object:
        """A credential by the name that rules use."""
        if name in ("system_scope", "system"):
            return "all" if self.system else None
        if name in ("is_admin", "is_admin_project"):
            return "admin" in self.roles
        if name == "tenant_id":
            return self.project_id
        return getattr(self, name, None) or self.extra.get(name)


@dataclass(frozen=True)
class Rule:
    """A policy rule: its name in policy.yaml, its default, and what it guards.

    of_project: only a token for a project passes, whatever the expression says.
    scopes: what a token must be for ("system", "domain", "project"; one for nothing in particular
        counts as a project's), whatever the expression says; empty where it does not matter.
    """

    name: str
    check: str
    description: str = ""
    of_project: bool = False
    scopes: frozenset[str] = frozenset()


class Policy:
    """The rules of all services, with an operator's overrides."""

    def __init__(self, rules: Iterable[Rule], overrides: Mapping[str, str] | None = None) -> None:
        """Raises ValueError for an expression that cannot be read, naming the rule."""
        self.rules: dict[str, Rule] = {}
        for rule in rules:
            # Services share one set of names, as operators' files do: a name has one meaning.
            if self.rules.setdefault(rule.name, rule).check != rule.check:
                raise ValueError(f"policy rule {rule.name!r} is defined twice, differently")
        texts = {name: rule.check for name, rule in self.rules.items()} | dict(overrides or {})
        self._checks: dict[str, Check] = {}
        for name, text in texts.items():
            try:
                self._checks[name] = _Parser(self, text).whole()
            except ValueError as wrong:
                raise ValueError(f"policy rule {name!r}: {wrong}") from None

    def knows(self, name: str) -> bool:
        """Whether there is such a rule."""
        return name in self._checks

    def allows(self, name: str, who: Credentials, target: Mapping[str, Any] | None = None) -> bool:
        """Whether the rule lets `who` act on `target`. A rule that does not exist refuses."""
        check, rule = self._checks.get(name), self.rules.get(name)
        if rule is not None and rule.of_project and not who.project_id:
            return False
        if rule is not None and rule.scopes and who.scope not in rule.scopes:
            return False
        return check is not None and check(who, target or {})


class _Parser:
    """Recursive descent over `or`, `and`, `not` and parentheses."""

    def __init__(self, policy: Policy, text: str) -> None:
        self.policy = policy
        self.tokens = re.findall(r"\(|\)|(?:%\([\w.:]+\)s|[^\s()])+", text)
        self.at = 0

    def whole(self) -> Check:
        if not self.tokens:
            return lambda _who, _target: True
        check = self.either()
        if self.at != len(self.tokens):
            raise ValueError(f"unexpected {self.tokens[self.at]!r}")
        return check

    def next(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def either(self) -> Check:
        checks = [self.both()]
        while self.next() == "or":
            self.at += 1
            checks.append(self.both())
        return checks[0] if len(checks) == 1 else lambda w, t: any(c(w, t) for c in checks)

    def both(self) -> Check:
        checks = [self.term()]
        while self.next() == "and":
            self.at += 1
            checks.append(self.term())
        return checks[0] if len(checks) == 1 else lambda w, t: all(c(w, t) for c in checks)

    def term(self) -> Check:
        token = self.next()
        if not token:
            raise ValueError("an operand is missing")
        self.at += 1
        if token == "not":
            inner = self.term()
            return lambda w, t: not inner(w, t)
        if token == "(":
            inner = self.either()
            if self.next() != ")":
                raise ValueError("a closing parenthesis is missing")
            self.at += 1
            return inner
        return self.leaf(self.tokens[self.at - 1])

    def leaf(self, token: str) -> Check:
        if token == "@":
            return lambda _who, _target: True
        if token == "!":
            return lambda _who, _target: False
        kind, colon, match = token.partition(":")
        if not colon:
            raise ValueError(f"{token!r} is neither an operator nor of the form kind:match")
        if kind == "rule":
            return lambda who, target: self.policy.allows(match, who, target)
        if kind == "role":
            role = match.lower()
            return lambda who, _target: role in who.roles
        return _comparison(kind, match)


def _comparison(kind: str, match: str) -> Check:
    wanted = re.fullmatch(r"%\(([\w.:]+)\)s", match)
    literal = re.fullmatch(r"'(.*)'|(True|False|None|\d+)", kind)

    def left(who: Credentials) -> object:
        return (literal[1] or literal[2]) if literal else who.value(kind)

    def right(target: Mapping[str, Any]) -> object:
        return target.get(wanted[1]) if wanted else match

    def check(who: Credentials, target: Mapping[str, Any]) -> bool:
        mine, theirs = left(who), right(target)
        return mine is not None and theirs is not None and str(mine) == str(theirs)

    return check
