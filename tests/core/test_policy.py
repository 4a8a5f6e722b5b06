"""Rules in oslo.policy's syntax."""

import pytest

from pileus.core.policy import Credentials, Policy, Rule

MEMBER = Credentials(user_id="u1", project_id="p1", roles=frozenset({"member", "reader"}))
ADMIN = Credentials(user_id="u0", project_id="p0", roles=frozenset({"admin"}))


@pytest.mark.parametrize(
    ("check", "member", "admin"),
    [
        ("role:admin", False, True),
        ("role:admin or role:member", True, True),
        ("role:member and project_id:%(project_id)s", True, False),
        ("(role:admin) or (role:reader and project_id:%(project_id)s)", True, True),
        ("not role:admin", True, False),
        ("@", True, True),
        ("!", False, False),
        ("", True, True),
        ("user_id:%(user_id)s", True, False),
        ("'public':%(visibility)s", True, True),
        ("is_admin:True", False, True),
        ("rule:owner", True, False),
        ("rule:absent", False, False),
        ("project_id:%(absent)s", False, False),
    ],
)
def test_a_check(check: str, member: bool, admin: bool) -> None:
    policy = Policy([Rule("it", check), Rule("owner", "project_id:%(project_id)s")])
    target = {"project_id": "p1", "user_id": "u1", "visibility": "public"}

    answers = policy.allows("it", MEMBER, target), policy.allows("it", ADMIN, target)

    assert answers == (member, admin)


@pytest.mark.parametrize("check", ["role:admin", "@"])
def test_a_rule_of_projects_wants_a_token_for_a_project(check: str) -> None:
    policy = Policy([Rule("it", "role:admin", of_project=True)], {"it": check})
    system = Credentials(user_id="u0", system=True, roles=frozenset({"admin"}))

    assert policy.allows("it", ADMIN)
    assert not policy.allows("it", system)


def test_an_operator_overrides_a_rule() -> None:
    policy = Policy([Rule("it", "role:admin")], {"it": "role:member"})

    assert policy.allows("it", MEMBER)


def test_an_unknown_rule_refuses() -> None:
    assert not Policy([]).allows("never heard of it", ADMIN)


@pytest.mark.parametrize(
    "check", ["role:admin or", "(role:admin", "nonsense", "role:a role:b", ")"]
)
def test_an_expression_that_cannot_be_read_names_its_rule(check: str) -> None:
    with pytest.raises(ValueError, match="'it'"):
        Policy([Rule("it", check)])
