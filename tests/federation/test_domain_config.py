"""A domain's configuration: what can be set, shown and taken away again."""

from typing import Any

import pytest

from ..cloud import Cloud
from .calls import V3

LDAP = {"url": "ldap://127.0.0.1:9", "user_tree_dn": "ou=people,dc=x", "password": "hidden-1"}


def domain(cloud: Cloud, name: str) -> str:
    made = cloud.admin.post(f"{V3}/domains", json={"domain": {"name": name}})
    return f"{V3}/domains/{made.json()['domain']['id']}/config"


def test_it_is_set_shown_changed_and_removed(cloud: Cloud) -> None:
    path = domain(cloud, "configured")
    shown = {k: v for k, v in LDAP.items() if k != "password"}

    made = cloud.admin.put(path, json={"config": {"ldap": LDAP}})

    assert (made.status_code, made.json()) == (201, {"config": {"ldap": shown}})
    assert cloud.admin.get(path).json() == made.json()
    assert cloud.admin.get(f"{path}/ldap").json() == made.json()
    assert cloud.admin.get(f"{path}/ldap/url").json() == {"config": {"url": LDAP["url"]}}
    assert cloud.admin.get(f"{path}/ldap/password").status_code == 404
    body = {"config": {"ldap": {"user_tree_dn": "ou=all"}}}
    assert cloud.admin.patch(f"{path}/ldap", json=body).status_code == 200
    body = {"config": {"url": "ldap://127.0.0.1:10"}}
    changed = cloud.admin.patch(f"{path}/ldap/url", json=body).json()["config"]["ldap"]
    assert changed == {"url": "ldap://127.0.0.1:10", "user_tree_dn": "ou=all"}
    assert cloud.admin.delete(f"{path}/ldap/url").status_code == 204
    assert cloud.admin.delete(f"{path}/ldap").status_code == 204
    assert cloud.admin.get(f"{path}/ldap").status_code == 404
    assert cloud.admin.put(path, json={"config": {"ldap": LDAP}}).status_code == 201
    assert cloud.admin.put(path, json={"config": {"ldap": LDAP}}).status_code == 200
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.delete(path).status_code == 404


def test_the_defaults_are_told(cloud: Cloud) -> None:
    at = f"{V3}/domains/config"

    assert cloud.admin.get(f"{at}/default").json()["config"]["ldap"]["query_scope"] == "one"
    assert "url" in cloud.admin.get(f"{at}/ldap/default").json()["config"]["ldap"]
    found = cloud.admin.get(f"{at}/ldap/user_name_attribute/default").json()
    assert found == {"config": {"user_name_attribute": "sn"}}


@pytest.mark.parametrize(
    ("config", "status"),
    [
        ({}, 400),
        ({"ldap": []}, 400),
        ({"ldap": {"query_scope": "all"}}, 400),
        ({"ldap": {"url": ""}}, 400),
        ({"ldap": {"use_tls": True, "url": "ldaps://x"}}, 400),
        ({"identity": {"driver": 1}}, 400),
        ({"ldap": {"strange": 1}}, 403),
        ({"identity": {"strange": 1}}, 403),
        ({"token": {"x": 1}}, 403),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(cloud: Cloud, config: Any, status: int) -> None:
    path = f"{V3}/domains/default/config"

    assert cloud.admin.put(path, json={"config": config}).status_code == status
    assert cloud.admin.get(path).status_code == 404


def test_a_change_stays_within_its_url(cloud: Cloud) -> None:
    path = domain(cloud, "within")
    cloud.admin.put(path, json={"config": {"ldap": LDAP, "identity": {"driver": "sql"}}})

    body = {"config": {"identity": {"driver": "ldap"}}}

    assert cloud.admin.patch(f"{path}/ldap", json=body).status_code == 403
    assert cloud.admin.patch(f"{path}/token", json=body).status_code == 403
    body = {"config": {"url": "ldap://x"}}
    assert cloud.admin.patch(f"{path}/ldap/suffix", json=body).status_code in (403, 404)


def test_the_rules_of_passwords_are_told_to_everybody(cloud: Cloud) -> None:
    path = f"{V3}/domains/default/config/security_compliance"
    rules = {"password_regex": None, "password_regex_description": None}

    assert cloud.demo.get(path).json() == {"config": {"security_compliance": rules}}
    assert cloud.demo.get(f"{path}/password_regex").json() == {"config": {"password_regex": None}}
    assert cloud.demo.get(f"{path}/other").status_code == 403
    elsewhere = domain(cloud, "other-rules") + "/security_compliance"
    assert cloud.demo.get(elsewhere).status_code == 403


def test_it_is_for_admins(cloud: Cloud) -> None:
    path = f"{V3}/domains/default/config"

    assert cloud.demo.get(path).status_code == 403
    assert cloud.demo.put(path, json={"config": {"ldap": LDAP}}).status_code == 403
    assert cloud.demo.delete(path).status_code == 403


def test_users_of_a_directory_are_not_made_here(cloud: Cloud) -> None:
    path = domain(cloud, "kept-elsewhere")
    config = {"ldap": LDAP, "identity": {"driver": "ldap"}}
    assert cloud.admin.put(path, json={"config": config}).status_code == 201
    where = {"name": "x", "domain_id": path.split("/")[-2]}

    assert cloud.admin.post(f"{V3}/users", json={"user": where}).status_code == 403
    assert cloud.admin.post(f"{V3}/groups", json={"group": where}).status_code == 403
