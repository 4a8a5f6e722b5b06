"""The policy rules of federation and of domains' configurations, by upstream's names."""

from collections.abc import Iterator

from ...core.policy import Rule

_ADMIN = "rule:admin_required"
_READ = f"{_ADMIN} or (role:reader and system_scope:all)"
_SCOPES = frozenset({"system", "project"})  # an admin of one domain is not asked for
_KINDS = ("identity_provider", "mapping", "protocol", "service_provider")


def rules() -> Iterator[Rule]:
    """The rules: admins write, and whoever reads the system may read."""
    for kind in _KINDS:
        for name in (f"get_{kind}", f"list_{kind}s"):
            yield _rule(name, _READ)
        for verb in ("create", "update", "delete"):
            yield _rule(f"{verb}_{kind}", _ADMIN)
    for name in ("get_domain_config", "get_domain_config_default"):
        yield _rule(name, _READ)
    everybody = _SCOPES | {"domain"}
    yield Rule("identity:get_security_compliance_domain_config", "", scopes=everybody)
    for verb in ("create", "update", "delete"):
        yield _rule(f"{verb}_domain_config", _ADMIN)


def _rule(name: str, check: str) -> Rule:
    return Rule(f"identity:{name}", check, scopes=_SCOPES)
