"""The rules engine: every form of a rule, and what holds for all of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.identity.federation.engine import Mapped, Unmapped, evaluate

ALICE = {
    "UserName": ["alice"],
    "Email": ["alice@example.com"],
    "First": ["Alice"],
    "groups": ["dev", "ops"],
    "kind": ["Employee"],
}


def run(local: Any, *remote: Any, version: str = "1.0", attributes: Any = ALICE) -> Mapped:
    parts = local if isinstance(local, list) else [local]
    return evaluate([{"local": parts, "remote": list(remote)}], version, attributes)


def name(*remote: Any) -> Any:
    return run({"user": {"name": "{0}"}}, {"type": "UserName"}, *remote).user["name"]


def test_values_are_put_where_the_local_part_names_them() -> None:
    local = {"user": {"name": "{0}", "email": "{2} of {0}", "id": "{{{1}}}"}}

    found = run(local, {"type": "UserName"}, {"type": "First"}, {"type": "Email"})

    assert found.user["name"] == "alice"
    assert found.user["email"] == "alice@example.com of alice"
    assert found.user["id"] == "{Alice}"
    assert found.user["type"] == "ephemeral"


def test_a_condition_keeps_no_value() -> None:
    local = {"user": {"name": "{0}-{1}"}}
    conditions = [{"type": "kind", "any_one_of": ["Employee"]}]

    found = run(local, {"type": "UserName"}, *conditions, {"type": "First"})

    assert found.user["name"] == "alice-Alice"


@pytest.mark.parametrize(
    "remote",
    [
        {"type": "absent"},
        {"type": "kind", "any_one_of": ["Guest"]},
        {"type": "kind", "not_any_of": ["Guest", "Employee"]},
        {"type": "kind", "any_one_of": ["^Cust"], "regex": True},
        {"type": "kind", "not_any_of": ["ploy"], "regex": True},
        {"type": "kind", "any_one_of": ["mploye"]},
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_makes_nobody(remote: Any) -> None:
    with pytest.raises(Unmapped, match="No rule"):
        name(remote)


@pytest.mark.parametrize(
    "remote",
    [
        {"type": "kind"},
        {"type": "kind", "any_one_of": ["Guest", "Employee"]},
        {"type": "kind", "not_any_of": ["Guest"]},
        {"type": "kind", "any_one_of": ["^Emp"], "regex": True},
        {"type": "kind", "not_any_of": ["^Cust"], "regex": True},
    ],
    ids=str,
)
def test_a_rule_that_fits_makes_somebody(remote: Any) -> None:
    assert name(remote) == "alice"


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ({}, ["dev", "ops"]),
        ({"whitelist": ["dev", "x"]}, ["dev"]),
        ({"whitelist": ["x"]}, []),
        ({"whitelist": []}, []),
        ({"blacklist": ["dev"]}, ["ops"]),
        ({"blacklist": []}, ["dev", "ops"]),
        ({"whitelist": ["^d"], "regex": True}, ["dev"]),
        ({"blacklist": ["p"], "regex": True}, ["dev"]),
    ],
    ids=str,
)
def test_lists_are_filtered(condition: Any, left: list[str]) -> None:
    local = {"groups": "{0}", "domain": {"name": "D"}}

    found = run(local, {"type": "groups"} | condition)

    assert [g["name"] for g in found.groups] == left
    assert all(g["domain"] == {"name": "D"} for g in found.groups)


def test_groups_by_id_by_name_and_by_lists_add_up() -> None:
    local = [
        {"user": {"name": "x"}},
        {"group": {"id": "g1"}},
        {"group": {"name": "n1", "domain": {"id": "d"}}},
        {"group_ids": "['g2', 'g1']"},
        {"groups": "n1", "domain": {"id": "d"}},
    ]

    found = run(local, {"type": "UserName"})

    assert found.group_ids == ["g1", "g2"]
    assert found.groups == [{"name": "n1", "domain": {"id": "d"}}]


def test_group_ids_come_from_an_attribute() -> None:
    assert run({"group_ids": "{0}"}, {"type": "groups"}).group_ids == ["dev", "ops"]


def test_groups_of_another_keystone_bring_their_domains() -> None:
    text = 'JSON:{"name":"dev","domain":{"name":"Default"}}'

    found = run({"groups": "{0}"}, {"type": "g"}, attributes={"g": [text]})

    assert found.groups == [{"name": "dev", "domain": {"name": "Default"}}]


@pytest.mark.parametrize("text", ["dev", "JSON:x", 'JSON:{"name":"dev"}', "JSON:[]", "JSON:{}"])
def test_groups_need_a_domain(text: str) -> None:
    with pytest.raises(Unmapped):
        run({"groups": "{0}"}, {"type": "g"}, attributes={"g": [text]})


def test_a_value_is_never_read_as_a_list_or_as_another_domains_group() -> None:
    local = {"groups": "{0}", "group_ids": "{0}", "domain": {"id": "d"}}
    text = 'JSON:{"name":"admins","domain":{"id":"default"}}'

    found = run(local, {"type": "g"}, attributes={"g": ["['admins']", text]})

    assert [(g["name"], g["domain"]) for g in found.groups] == [
        ("['admins']", {"id": "d"}),
        (text, {"id": "d"}),
    ]
    assert found.group_ids == ["['admins']", text]


def test_the_first_user_counts_and_every_rule_adds() -> None:
    rules = [
        {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]},
        {"local": [{"user": {"name": "second"}}], "remote": [{"type": "Email"}]},
        {"local": [{"group": {"id": "g"}}], "remote": [{"type": "kind"}]},
        {"local": [{"group": {"id": "no"}}], "remote": [{"type": "absent"}]},
    ]

    found = evaluate(rules, "1.0", ALICE)

    assert found.user["name"] == "alice"
    assert found.group_ids == ["g"]


def test_projects_carry_roles_and_values() -> None:
    projects = [{"name": "of {0}", "roles": [{"name": "member"}]}]

    found = run([{"user": {"name": "{0}"}}, {"projects": projects}], {"type": "UserName"})

    assert found.projects == [{"name": "of alice", "roles": [{"name": "member"}]}]


@pytest.mark.parametrize(("version", "domain"), [("1.0", None), ("2.0", {"id": "d"})])
def test_the_second_schema_honours_the_domain_of_the_local_part(version: str, domain: Any) -> None:
    projects = [{"name": "p", "roles": []}, {"name": "q", "roles": [], "domain": {"id": "own"}}]
    local = {"user": {"name": "x"}, "projects": projects, "domain": {"id": "d"}}

    found = run(local, {"type": "UserName"}, version=version)

    assert found.user.get("domain") == domain
    assert [p.get("domain") for p in found.projects] == [domain, {"id": "own"}]


def test_a_local_user_is_told_from_an_ephemeral_one() -> None:
    assert run({"user": {"name": "x", "type": "local"}}, {"type": "UserName"}).local
    assert not run({"user": {"name": "x"}}, {"type": "UserName"}).local


def test_a_value_that_the_rule_does_not_keep_is_an_error() -> None:
    with pytest.raises(Unmapped, match="keeps 1"):
        run({"user": {"name": "{1}"}}, {"type": "UserName"})


WORDS = st.sampled_from(["a", "b", "c", "['a']", "{0}", "{{", "JSON:{}", "é", ""])
VALUES = st.lists(WORDS, max_size=4)
GIVEN = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES)
REMOTE = st.fixed_dictionaries(
    {"type": st.sampled_from(["x", "y", "z"])},
    optional={"whitelist": VALUES},
) | st.one_of(
    *(
        st.fixed_dictionaries({"type": st.sampled_from(["x", "y", "z"]), word: VALUES})
        for word in ("any_one_of", "not_any_of", "blacklist", "whitelist")
    )
)
LOCAL = st.fixed_dictionaries(
    {},
    optional={
        "user": st.fixed_dictionaries({"name": st.sampled_from(["{0}", "{1}", "x{0}y"])}),
        "groups": st.sampled_from(["{0}", "x", "['a', 'b']", "{0}-{1}"]),
        "group_ids": st.sampled_from(["{0}", "{1}", "g"]),
        "group": st.just({"id": "fixed"}),
        "domain": st.just({"id": "d"}),
    },
)
RULE = st.fixed_dictionaries(
    {
        "local": st.lists(LOCAL, max_size=3),
        "remote": st.lists(REMOTE, min_size=1, max_size=3),
    }
)


def outcome(rules: list[Any], attributes: Any) -> Mapped | None:
    try:
        return evaluate(rules, "1.0", attributes)
    except Unmapped:
        return None


@settings(max_examples=300, deadline=None)
@given(st.lists(RULE, max_size=3), GIVEN)
def test_any_rules_and_attributes_make_a_user_or_are_refused(rules: list[Any], given_: Any) -> None:
    found = outcome(rules, given_)

    if found is not None:
        assert all(isinstance(one, str) and one for one in found.group_ids)
        assert all(g["name"] and g["domain"] for g in found.groups)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULE, max_size=3), GIVEN)
def test_group_ids_are_those_of_the_mapping_or_of_the_attributes(
    rules: list[Any], given_: Any
) -> None:
    found = outcome(rules, given_)

    said = {value for values in given_.values() for value in values}
    written = {value for value in said if value}
    for one in found.group_ids if found else ():
        assert one in {"fixed", "g"} | written or one.startswith("[")


@settings(max_examples=300, deadline=None)
@given(REMOTE, GIVEN)
def test_conditions_are_each_others_opposites(remote: Any, given_: Any) -> None:
    kind, words = remote["type"], next((v for k, v in remote.items() if k != "type"), [])
    local = [{"groups": "{0}", "domain": {"id": "d"}}]

    def fits(**condition: Any) -> bool:
        rule = {"local": [{"group": {"id": "x"}}], "remote": [{"type": kind} | condition]}
        return outcome([rule], given_) is not None

    def left(**condition: Any) -> set[str]:
        rule = {"local": local, "remote": [{"type": kind} | condition]}
        found = outcome([rule], given_)
        return {g["name"] for g in found.groups} if found else set()

    values = given_.get(kind, [])
    assert fits() == bool(values)
    if values:
        assert fits(any_one_of=words) != fits(not_any_of=words)
        assert left(whitelist=words) | left(blacklist=words) == {v for v in values if v}
        assert not left(whitelist=words) & left(blacklist=words)
        assert fits(any_one_of=words) == bool(set(values) & set(words))
