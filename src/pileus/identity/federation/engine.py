"""The rules engine: what an identity provider says of somebody, made into a local user.

A mapping is a list of rules. A rule's `remote` part says which attributes there must be; each that
is not a mere condition keeps its values for the `local` part, which names them `{0}`, `{1}`, ….
Every rule that fits adds to the result. Attributes come as lists of texts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .literal import texts

Attributes = Mapping[str, Sequence[str]]
_HOLE = re.compile(r"\{\{|\}\}|\{(\d+)\}")
_ALONE = re.compile(r"\{(\d+)\}")
_LISTS = ("groups", "group_ids")
_JSON = "JSON:"


class Unmapped(Exception):
    """No user comes of these attributes; the text says why."""


@dataclass
class Mapped:
    """A user as the rules make it. Domains are `{"id": …}` or `{"name": …}`."""

    user: dict[str, Any] = field(default_factory=dict)
    group_ids: list[str] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)  # name and domain
    projects: list[dict[str, Any]] = field(default_factory=list)  # name, roles and perhaps domain

    @property
    def local(self) -> bool:
        """Whether the user is one that must be here already, and is not made."""
        return bool(self.user.get("type") == "local")


def evaluate(rules: Sequence[Mapping[str, Any]], version: str, given: Attributes) -> Mapped:
    """Apply the rules of a mapping. Raises Unmapped.

    version: the mapping's schema version. In "2.0" the domain of a rule's `local` part is also that
        of its user and its projects.
    """
    parts = [part for rule in rules for part in _apply(rule, given)]
    if not parts:
        raise Unmapped("No rule of the mapping fits what the identity provider says of the user.")
    found = Mapped()
    domain: Any = None
    for part in parts:
        domain = part.get("domain")
        if part.get("user") and not found.user:
            found.user = dict(part["user"])
        _add_groups(found, part)
        if "projects" in part:
            found.projects = [dict(project) for project in part["projects"]]
            if version == "2.0" and domain:
                found.projects = [{"domain": domain} | project for project in found.projects]
    found.group_ids = list(dict.fromkeys(found.group_ids))
    found.groups = _distinct(found.groups)
    found.user.setdefault("type", "ephemeral")
    if version == "2.0" and domain:
        found.user.setdefault("domain", domain)
    return found


def _apply(rule: Mapping[str, Any], given: Attributes) -> list[dict[str, Any]]:
    """The rule's local parts, filled; nothing when it does not fit."""
    kept: list[Sequence[str]] = []
    for wanted in rule["remote"]:
        values = given.get(wanted["type"], ())
        if not values:
            return []
        for word, must in (("any_one_of", True), ("not_any_of", False)):
            if word in wanted:
                if bool(_matching(wanted, word, values)) is not must:
                    return []
                break
        else:
            kept.append(_filtered(wanted, values))
    return [_filled(part, kept) for part in rule["local"]]


def _filtered(wanted: Mapping[str, Any], values: Sequence[str]) -> Sequence[str]:
    if "blacklist" in wanted:
        out = _matching(wanted, "blacklist", values)
        return [v for v in dict.fromkeys(values) if v not in out]
    if "whitelist" in wanted:
        inside = _matching(wanted, "whitelist", values)
        return [v for v in dict.fromkeys(values) if v in inside]
    return values


def _matching(wanted: Mapping[str, Any], word: str, values: Sequence[str]) -> set[str]:
    if wanted.get("regex"):
        return {v for v in values if any(re.search(r, v) for r in wanted[word])}
    return set(values) & set(wanted[word])


def _filled(part: Any, kept: Sequence[Sequence[str]], many: bool = False) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, kept, key in _LISTS) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, kept) for value in part]
    if not isinstance(part, str):
        return part

    def values(hole: re.Match[str]) -> Sequence[str]:
        index = int(hole[1])
        if index >= len(kept):
            raise Unmapped(f"The mapping names {{{index}}}, and its rule keeps {len(kept)} values.")
        return kept[index]

    def value(hole: re.Match[str]) -> str:
        if hole[1] is None:
            return hole[0][0]
        found = values(hole)
        return found[0] if len(found) == 1 else str(list(found))

    if not many:
        return _HOLE.sub(value, part)
    # A list that stands in the mapping is the operator's; what looks like one in a value is a name.
    alone = _ALONE.fullmatch(part)
    if alone:
        return list(values(alone))
    return [_HOLE.sub(value, one) for one in texts(part)]


def _add_groups(found: Mapped, part: Mapping[str, Any]) -> None:
    group = part.get("group") or {}
    if "id" in group:
        found.group_ids.append(group["id"])
    elif "name" in group:
        found.groups.append(dict(group))
    found.group_ids += [one for one in part.get("group_ids", ()) if one]
    found.groups += _named(part.get("groups", ()), part.get("domain"))


def _named(names: Sequence[str], domain: Any) -> list[dict[str, Any]]:
    """Groups by their names in `domain`; without one, each as `JSON:{"name": …, "domain": …}`."""
    found = []
    for one in names:
        if domain and one:
            found.append({"name": one, "domain": domain})
        elif one.startswith(_JSON):
            found.append(_of_json(one.removeprefix(_JSON)))
        elif one:
            raise Unmapped(f"The mapping names the group {one!r} without a domain.")
    return found


def _of_json(text: str) -> dict[str, Any]:
    try:
        group = json.loads(text)
        domain = group["domain"]
        right = isinstance(group["name"], str) and isinstance(domain.get("id", ""), str)
        right = right and isinstance(domain.get("name", ""), str) and bool(domain)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        right = False
    if not right:
        raise Unmapped(f"{text[:80]!r} is not a group with a name and a domain.")
    return {"name": group["name"], "domain": domain}


def _distinct(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {}
    for group in groups:
        domain = group["domain"]
        found[group["name"], domain.get("id"), domain.get("name")] = group
    return list(found.values())
