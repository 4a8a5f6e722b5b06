"""A domain's configuration as it is stored."""

from typing import Any

from ...core.db import Tx
from .options import Options, read
from .rows import DomainOption


def of_domain(tx: Tx, domain_id: str) -> dict[str, dict[str, Any]]:
    """The options by section and name, secrets opened."""
    found: dict[str, dict[str, Any]] = {}
    for one in tx.all(DomainOption, domain_id=domain_id):
        found.setdefault(one.section, {})[one.name] = tx.vault.opened(one.value)
    return found


def directory_of(tx: Tx, domain_id: str) -> Options | None:
    """How the domain's directory is reached; None when the domain has none."""
    found = of_domain(tx, domain_id)
    if found.get("identity", {}).get("driver") != "ldap":
        return None
    return read(found.get("ldap", {}))


def with_directories(tx: Tx) -> list[str]:
    """The ids of the domains that have a directory."""
    rows = tx.all(DomainOption, section="identity", name="driver", order=[DomainOption.domain_id])
    return [one.domain_id for one in rows if one.value == "ldap"]
