"""The policy rules of placement, under upstream's names."""

from ..core.policy import Rule

_OPERATOR = "rule:admin_or_service_api"
_VERBS = {
    "resource_providers": ("list", "create", "show", "update", "delete"),
    "resource_providers:inventories": ("list", "create", "show", "update", "delete"),
    "resource_providers:aggregates": ("list", "update"),
    "resource_providers:traits": ("list", "update", "delete"),
    "resource_providers:allocations": ("list",),
    "resource_classes": ("list", "create", "show", "update", "delete"),
    "traits": ("list", "show", "update", "delete"),
    "allocations": ("list", "manage", "update", "delete"),
    "allocation_candidates": ("list",),
}


def rules() -> tuple[Rule, ...]:
    """Every rule with its default."""
    return (
        # Names that upstream's policy files refer to; other services have the same `admin_api`.
        Rule("admin_api", "role:admin", "Whoever operates the cloud"),
        Rule("service_api", "role:service", "Another service of the cloud"),
        Rule("admin_or_service_api", "role:admin or role:service", "Operators and services"),
        Rule("project_reader_api", "role:reader and project_id:%(project_id)s", "A project's own"),
        Rule(
            "admin_or_project_reader_or_service_api",
            "role:admin or rule:project_reader_api or role:service",
            "Operators, services and a project's own readers",
        ),
        *(
            Rule(f"placement:{noun}:{verb}", _OPERATOR, f"{verb} {noun}", of_project=True)
            for noun, verbs in _VERBS.items()
            for verb in verbs
        ),
        Rule(
            "placement:resource_providers:usages",
            _OPERATOR,
            "What is used of a provider",
            of_project=True,
        ),
        Rule(
            "placement:usages",
            "rule:admin_or_project_reader_or_service_api",
            "What a project uses",
            of_project=True,
        ),
        Rule(
            "placement:reshaper:reshape",
            "rule:service_api",
            "Move inventories and allocations",
            of_project=True,
        ),
    )
