"""A domain whose users stand in an LDAP directory: a real slapd."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pileus.core.errors import Unavailable
from pileus.identity.ldap import sync
from pileus.identity.ldap.directory import Directory
from pileus.identity.ldap.options import Options

from ..cloud import Cloud
from .calls import V3, grant, project
from .slapd import BASE, Slapd, installed, person, team

pytestmark = pytest.mark.skipif(not installed(), reason="no slapd or python-ldap: `make directory`")
CONFIG = {
    "user": f"cn=reader,{BASE}",
    "password": "reader-secret",
    "suffix": BASE,
    "user_tree_dn": f"ou=people,{BASE}",
    "user_id_attribute": "uid",
    "user_name_attribute": "uid",
    "group_tree_dn": f"ou=teams,{BASE}",
    "group_name_attribute": "cn",
    "user_enabled_attribute": "employeeType",
    "user_additional_attribute_mapping": ["sn:surname"],
}


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    made = Slapd()
    made.add(person("ada", "ada-secret", description="First"))
    made.add(person("bob", "bob-secret"))
    made.add(person("off", "off-secret", employeeType="False"))
    made.add(team("staff", "ada", "bob", "nobody"))
    for number in range(120):  # more than the server gives without pages
        made.add(person(f"many{number}", "x-secret"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def domain(cloud: Cloud, slapd: Slapd) -> str:
    body = {"domain": {"name": "company"}}
    key = str(cloud.admin.post(f"{V3}/domains", json=body).json()["domain"]["id"])
    config = {"identity": {"driver": "ldap"}, "ldap": CONFIG | {"url": slapd.url}}
    answer = cloud.admin.put(f"{V3}/domains/{key}/config", json={"config": config})
    assert answer.status_code == 201, answer.text
    cloud.until(lambda: users(cloud, key), "the directory to be read")
    return key


def users(cloud: Cloud, domain: str, **query: str) -> list[dict[str, Any]]:
    answer = cloud.admin.get(f"{V3}/users", params={"domain_id": domain} | query)
    found: list[dict[str, Any]] = answer.json()["users"]
    return found


def follow(cloud: Cloud, domain: str) -> None:
    """Read the directory now."""
    sync.one_domain(cloud.app.db, domain, 12)


def log_in(cloud: Cloud, name: str, password: str, domain: str, **scope: Any) -> httpx.Response:
    who = {"name": name, "domain": {"id": domain}, "password": password}
    identity = {"methods": ["password"], "password": {"user": who}}
    auth = {"identity": identity} | ({"scope": scope} if scope else {})
    return httpx.post(f"{cloud.base}{V3}/auth/tokens", json={"auth": auth}, timeout=60)


def test_users_are_listed_however_many(cloud: Cloud, domain: str) -> None:
    follow(cloud, domain)

    found = {one["name"]: one for one in users(cloud, domain)}

    assert len(found) == 123
    ada = found["ada"]
    assert (ada["email"], ada["description"], ada["surname"]) == ("ada@example.org", "First", "Ada")
    assert (ada["enabled"], found["off"]["enabled"]) == (True, False)
    assert len(ada["id"]) == 64
    assert "password_hash" not in str(ada)


def test_a_password_is_checked_by_the_directory(cloud: Cloud, domain: str) -> None:
    assert log_in(cloud, "ada", "ada-secret", domain).status_code == 201
    assert log_in(cloud, "ada", "wrong", domain).status_code == 401
    assert log_in(cloud, "ada", "", domain).status_code == 401
    assert log_in(cloud, "off", "off-secret", domain).status_code == 401
    assert log_in(cloud, "*", "ada-secret", domain).status_code == 401


def test_groups_give_roles(cloud: Cloud, domain: str) -> None:
    follow(cloud, domain)
    groups = cloud.admin.get(f"{V3}/groups", params={"domain_id": domain}).json()["groups"]
    assert [one["name"] for one in groups] == ["staff"]
    where = project(cloud, "of-the-staff")
    grant(cloud, groups[0]["id"], where)

    made = log_in(cloud, "bob", "bob-secret", domain, project={"id": where})

    assert {r["name"] for r in made.json()["token"]["roles"]} == {"member", "reader"}
    members = cloud.admin.get(f"{V3}/groups/{groups[0]['id']}/users").json()["users"]
    assert sorted(one["name"] for one in members) == ["ada", "bob"]


def test_nothing_of_it_is_changed_here(cloud: Cloud, domain: str) -> None:
    ada = f"{V3}/users/{users(cloud, domain, name='ada')[0]['id']}"
    groups = cloud.admin.get(f"{V3}/groups", params={"domain_id": domain}).json()["groups"]
    staff = f"{V3}/groups/{groups[0]['id']}"
    passwords = {"password": "new-secret", "original_password": "ada-secret"}

    answers = [
        cloud.admin.patch(ada, json={"user": {"name": "eve"}}),
        cloud.admin.patch(ada, json={"user": {"password": "mine"}}),
        cloud.admin.delete(ada),
        cloud.admin.post(f"{ada}/password", json={"user": passwords}),
        cloud.admin.patch(staff, json={"group": {"name": "x"}}),
        cloud.admin.delete(staff),
        cloud.admin.put(f"{staff}/users/{cloud.demo.user_id}"),
        cloud.admin.delete(f"{staff}/users/{ada.rsplit('/', 1)[1]}"),
    ]

    assert [one.status_code for one in answers] == [403] * len(answers)
    assert log_in(cloud, "ada", "ada-secret", domain).status_code == 201


def test_changes_of_the_directory_are_followed(cloud: Cloud, domain: str, slapd: Slapd) -> None:
    slapd.add(person("new", "new-secret") + "\n")
    slapd.add(person("old", "old-secret"))
    slapd.add(team("movers", "new", "old"))
    follow(cloud, domain)
    token = log_in(cloud, "old", "old-secret", domain).headers["X-Subject-Token"]
    slapd.replace(f"uid=new,ou=people,{BASE}", "mail", "fresh@example.org")
    slapd.remove(f"uid=old,ou=people,{BASE}")
    slapd.remove(f"cn=movers,ou=teams,{BASE}")

    follow(cloud, domain)

    assert users(cloud, domain, name="new")[0]["email"] == "fresh@example.org"
    assert users(cloud, domain, name="old")[0]["enabled"] is False
    assert log_in(cloud, "old", "old-secret", domain).status_code == 401
    head = {"X-Auth-Token": token}
    assert httpx.get(f"{cloud.base}{V3}/auth/projects", headers=head).status_code == 401
    groups = cloud.admin.get(f"{V3}/groups", params={"name": "movers"}).json()["groups"]
    members = cloud.admin.get(f"{V3}/groups/{groups[0]['id']}/users").json()["users"]
    assert members == []


def test_who_comes_back_has_what_they_had(cloud: Cloud, domain: str, slapd: Slapd) -> None:
    slapd.add(person("back", "back-secret"))
    follow(cloud, domain)
    first = users(cloud, domain, name="back")[0]["id"]
    slapd.remove(f"uid=back,ou=people,{BASE}")
    follow(cloud, domain)
    slapd.add(person("back", "back-secret"))

    follow(cloud, domain)

    assert users(cloud, domain, name="back")[0]["id"] == first
    assert log_in(cloud, "back", "back-secret", domain).status_code == 201


def test_a_filter_narrows_who_there_is(slapd: Slapd) -> None:
    options = Options(**(CONFIG | {"url": slapd.url, "user_filter": "(uid=a*)"}))  # type: ignore[arg-type]

    assert [one.name for one in Directory(options).people()] == ["ada"]
    assert not Directory(options).verify("bob", "bob-secret")


@pytest.mark.parametrize("way", ["ldaps", "starttls"])
def test_tls_is_checked(slapd: Slapd, way: str) -> None:
    more: dict[str, Any] = {"url": slapd.tls_url}
    if way == "starttls":
        more = {"url": slapd.url, "use_tls": True}
    trusted = {"tls_cacertfile": str(slapd.folder / "cert.pem")}

    assert Directory(Options(**(CONFIG | more | trusted))).verify("ada", "ada-secret")
    with pytest.raises(Unavailable):
        Directory(Options(**(CONFIG | more))).verify("ada", "ada-secret")


def test_a_directory_that_is_away_changes_nothing(cloud: Cloud, domain: str) -> None:
    before = len(users(cloud, domain))
    path = f"{V3}/domains/{domain}/config/ldap/url"
    url = cloud.admin.get(path).json()["config"]["url"]
    cloud.admin.patch(path, json={"config": {"url": "ldap://127.0.0.1:9"}})

    with pytest.raises(Unavailable):
        follow(cloud, domain)

    assert log_in(cloud, "ada", "ada-secret", domain).status_code == 503
    assert len(users(cloud, domain)) == before
    cloud.admin.patch(path, json={"config": {"url": url}})
    assert log_in(cloud, "ada", "ada-secret", domain).status_code == 201


def test_a_name_that_is_taken_is_left_out(cloud: Cloud, slapd: Slapd) -> None:
    body = {"domain": {"name": "mixed"}}
    key = str(cloud.admin.post(f"{V3}/domains", json=body).json()["domain"]["id"])
    local = {"name": "ada", "domain_id": key, "password": "local-secret"}
    cloud.admin.post(f"{V3}/users", json={"user": local})
    config = {"identity": {"driver": "ldap"}, "ldap": CONFIG | {"url": slapd.url}}
    cloud.admin.put(f"{V3}/domains/{key}/config", json={"config": config})

    follow(cloud, key)

    assert log_in(cloud, "ada", "local-secret", key).status_code == 201
    assert log_in(cloud, "ada", "ada-secret", key).status_code == 401
    assert log_in(cloud, "bob", "bob-secret", key).status_code == 201
