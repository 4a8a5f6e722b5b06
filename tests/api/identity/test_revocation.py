"""Whatever takes a right away takes it from tokens that are out, at once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pileus.config import Config
from pileus.core.db import Database
from pileus.core.errors import Unauthorized
from pileus.identity import Tokens
from pileus.identity.revision import revoke

from ...cloud import Cloud
from .calls import V3, by_password, by_token, grant, login, member, on, project, role, user, works


def _token(cloud: Cloud, name: str, project_id: str) -> str:
    answer = login(cloud, by_password(name), on(project_id))
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


Take = Callable[[Cloud, dict[str, Any], dict[str, Any]], Any]
TAKING: dict[str, Take] = {
    "user disabled": lambda c, u, p: c.admin.patch(
        f"{V3}/users/{u['id']}", json={"user": {"enabled": False}}
    ),
    "user deleted": lambda c, u, p: c.admin.delete(f"{V3}/users/{u['id']}"),
    "password set": lambda c, u, p: c.admin.patch(
        f"{V3}/users/{u['id']}", json={"user": {"password": "another"}}
    ),
    "password changed": lambda c, u, p: c.admin.post(
        f"{V3}/users/{u['id']}/password",
        json={"user": {"password": "another", "original_password": f"{u['name']}-secret"}},
    ),
    "project disabled": lambda c, u, p: c.admin.patch(
        f"{V3}/projects/{p['id']}", json={"project": {"enabled": False}}
    ),
    "project deleted": lambda c, u, p: c.admin.delete(f"{V3}/projects/{p['id']}"),
    "role revoked": lambda c, u, p: c.admin.delete(
        f"{V3}/projects/{p['id']}/users/{u['id']}/roles/{role(c, 'member')}"
    ),
}


@pytest.mark.parametrize("how", TAKING)
def test_a_token_ends_when_its_ground_is_gone(cloud: Cloud, how: str):
    who, where = member(cloud, how.replace(" ", "-"))
    token = _token(cloud, who["name"], where["id"])
    assert works(cloud, token)

    answer = TAKING[how](cloud, who, where)

    assert answer.status_code in (200, 204), answer.text
    assert not works(cloud, token)


def test_enabling_a_user_again_does_not_bring_its_tokens_back(cloud: Cloud):
    who, where = member(cloud, "back")
    token = _token(cloud, "back", where["id"])
    path = f"{V3}/users/{who['id']}"

    cloud.admin.patch(path, json={"user": {"enabled": False}})
    cloud.admin.patch(path, json={"user": {"enabled": True}})

    assert not works(cloud, token)
    assert works(cloud, _token(cloud, "back", where["id"]))


def test_a_revoked_token_ends_and_others_of_its_user_live(cloud: Cloud):
    _, where = member(cloud, "two")
    first, second = _token(cloud, "two", where["id"]), _token(cloud, "two", where["id"])

    answer = cloud.admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": first})

    assert answer.status_code == 204
    assert not works(cloud, first)
    assert works(cloud, second)
    again = cloud.admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": first})
    assert again.status_code == 404


def test_another_process_sees_a_revocation_at_once(cloud: Cloud):
    # Arrange: a second process on the same database, which remembers the token.
    who, where = member(cloud, "elsewhere")
    token = _token(cloud, "elsewhere", where["id"])
    config = cloud.parts[Config]
    db = Database(config.database_url)
    other = Tokens(db, config)
    assert other.authenticate(token).user_id == who["id"]

    cloud.admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})

    with pytest.raises(Unauthorized):
        other.authenticate(token)
    other.close()
    db.close()


def test_a_disabled_domain_ends_the_tokens_of_its_users(cloud: Cloud):
    body = {"domain": {"name": "short-lived"}}
    domain = cloud.admin.post(f"{V3}/domains", json=body).json()["domain"]["id"]
    body = {"user": {"name": "guest", "password": "guest-secret", "domain_id": domain}}
    cloud.admin.post(f"{V3}/users", json=body)
    identity = by_password("guest")
    identity["password"]["user"]["domain"] = {"id": domain}
    token = login(cloud, identity).headers["X-Subject-Token"]
    assert works(cloud, token)

    cloud.admin.patch(f"{V3}/domains/{domain}", json={"domain": {"enabled": False}})

    assert not works(cloud, token)
    assert login(cloud, identity).status_code == 401


@pytest.fixture
def elsewhere(cloud: Cloud) -> Iterator[Tokens]:
    """A second process on the same database."""
    config = cloud.parts[Config]
    db = Database(config.database_url)
    made = Tokens(db, config)
    yield made
    made.close()
    db.close()


@pytest.mark.parametrize("how", TAKING)
def test_every_process_sees_at_once_that_a_tokens_ground_is_gone(
    cloud: Cloud, elsewhere: Tokens, how: str
):
    who, where = member(cloud, f"other-{how.replace(' ', '-')}")
    token = _token(cloud, who["name"], where["id"])
    assert elsewhere.authenticate(token).user_id == who["id"]

    TAKING[how](cloud, who, where)

    with pytest.raises(Unauthorized):
        elsewhere.authenticate(token)


def _grouped(cloud: Cloud, name: str) -> tuple[dict[str, Any], str, str]:
    """A user whose role on a project is its group's; the group, and a token."""
    who, where = user(cloud, name), project(cloud, name)
    group = cloud.admin.post(f"{V3}/groups", json={"group": {"name": name}}).json()["group"]["id"]
    path = f"{V3}/projects/{where['id']}/groups/{group}/roles/{role(cloud, 'member')}"
    assert cloud.admin.put(path).status_code == 204
    assert cloud.admin.put(f"{V3}/groups/{group}/users/{who['id']}").status_code == 204
    return who, group, _token(cloud, name, where["id"])


@pytest.mark.parametrize("how", ["left", "deleted"])
def test_a_token_that_a_group_gave_ends_with_it(cloud: Cloud, elsewhere: Tokens, how: str):
    who, group, token = _grouped(cloud, f"group-{how}")
    assert elsewhere.authenticate(token).user_id == who["id"]
    path = f"{V3}/groups/{group}" + (f"/users/{who['id']}" if how == "left" else "")

    assert cloud.admin.delete(path).status_code == 204

    assert not works(cloud, token)
    with pytest.raises(Unauthorized):
        elsewhere.authenticate(token)


def test_a_token_ends_with_the_role_that_it_is_for(cloud: Cloud, elsewhere: Tokens):
    made = cloud.admin.post(f"{V3}/roles", json={"role": {"name": "short"}}).json()["role"]
    who, where = user(cloud, "role-gone"), project(cloud, "role-gone")
    grant(cloud, who["id"], where["id"], "short")
    token = _token(cloud, "role-gone", where["id"])
    assert elsewhere.authenticate(token).roles == {"short"}

    assert cloud.admin.delete(f"{V3}/roles/{made['id']}").status_code == 204

    assert not works(cloud, token)
    with pytest.raises(Unauthorized):
        elsewhere.authenticate(token)


def test_a_revoked_token_revokes_none_of_those_made_of_it_and_the_other_way_round(cloud: Cloud):
    _, where = member(cloud, "chain")
    parent = _token(cloud, "chain", where["id"])
    child = login(cloud, by_token(parent), on(where["id"])).headers["X-Subject-Token"]

    cloud.admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": child})

    assert works(cloud, parent)
    assert not works(cloud, child)


@pytest.mark.parametrize("how", TAKING)
def test_no_token_is_made_of_one_whose_ground_is_gone(cloud: Cloud, how: str):
    # Arrange: all that the next login needs is remembered.
    who, where = member(cloud, f"again-{how.replace(' ', '-')}")
    token = _token(cloud, who["name"], where["id"])
    for _ in range(2):
        assert login(cloud, by_token(token), on(where["id"])).status_code == 201

    TAKING[how](cloud, who, where)

    # 404 is for a token that is none (any more), as upstream has it.
    assert login(cloud, by_token(token), on(where["id"])).status_code in (401, 404)


def test_no_token_is_made_of_one_that_another_process_revoked(cloud: Cloud, elsewhere: Tokens):
    _, where = member(cloud, "revoked-elsewhere")
    token = _token(cloud, "revoked-elsewhere", where["id"])
    assert login(cloud, by_token(token), on(where["id"])).status_code == 201
    payload = elsewhere.open(token)
    assert payload is not None

    elsewhere._db.run(lambda tx: revoke(tx, 1.0, f"audit:{payload.audit_ids[0]}"))

    # 404 is for a token that is none (any more), as upstream has it.
    assert login(cloud, by_token(token), on(where["id"])).status_code in (401, 404)
