"""Credentials: users' own secrets, sealed in the database, and the rotation of what seals them."""

from typing import Any

from pileus.core.db import Database
from pileus.identity import CredentialKeys, rotate
from pileus.identity.credential import Credential

from ...cloud import Client, Cloud
from .calls import V3, made, member, project, user

AT = f"{V3}/credentials"


def _create(client: Client, **more: Any) -> dict[str, Any]:
    body = {"user_id": client.user_id, "type": "cert", "blob": "what only I know"} | more
    return made(client.post(AT, json={"credential": body}), "credential")


def _row(cloud: Cloud, id_: str) -> Credential:
    found = cloud.parts[Database].read(lambda tx: tx.get(Credential, id_))
    assert found is not None
    return found


def test_a_user_keeps_and_reads_its_own(cloud: Cloud):
    credential = _create(cloud.demo, colour="blue")

    shown = cloud.demo.get(f"{AT}/{credential['id']}").json()["credential"]

    assert shown == credential
    assert shown["blob"] == "what only I know"
    assert (shown["project_id"], shown["colour"]) == (None, "blue")


def test_the_database_does_not_hold_what_was_kept(cloud: Cloud):
    credential = _create(cloud.demo)

    row = _row(cloud, credential["id"])

    assert "only I know" not in row.blob


def test_another_user_neither_sees_nor_makes_nor_changes_them(cloud: Cloud):
    credential = _create(cloud.demo)
    one = f"{AT}/{credential['id']}"
    body = {"credential": {"user_id": cloud.demo.user_id, "type": "cert", "blob": "x"}}

    codes = [
        cloud.other.get(one).status_code,
        cloud.other.patch(one, json={"credential": {"blob": "x"}}).status_code,
        cloud.other.delete(one).status_code,
        cloud.other.post(AT, json=body).status_code,
    ]

    assert codes == [403] * 4
    assert cloud.other.get(AT).json()["credentials"] == []


def test_lists_are_filtered_by_user_and_type(cloud: Cloud):
    mine, theirs = _create(cloud.admin, type="totp"), _create(cloud.demo, type="totp")
    _create(cloud.admin, type="other")

    by_user = cloud.admin.get(AT, params={"user_id": cloud.demo.user_id, "type": "totp"})
    by_type = cloud.admin.get(AT, params={"type": "totp"})

    assert [c["id"] for c in by_user.json()["credentials"]] == [theirs["id"]]
    assert {c["id"] for c in by_type.json()["credentials"]} == {mine["id"], theirs["id"]}


def test_only_the_blob_can_be_changed(cloud: Cloud):
    credential = _create(cloud.demo)
    one = f"{AT}/{credential['id']}"

    changed = cloud.demo.patch(one, json={"credential": {"blob": "new", "type": "cert"}})
    retyped = cloud.demo.patch(one, json={"credential": {"type": "ec2"}})
    given_away = cloud.demo.patch(one, json={"credential": {"user_id": cloud.admin.user_id}})

    assert changed.json()["credential"]["blob"] == "new"
    assert (retyped.status_code, given_away.status_code) == (400, 400)


def test_the_type_ec2_needs_a_project_and_its_two_parts(cloud: Cloud):
    good = {"user_id": cloud.demo.user_id, "type": "ec2", "project_id": cloud.demo.project_id}
    blobs = ["x", "[]", '{"access": "a"}', '{"access": 1, "secret": "s"}']

    codes = [
        cloud.demo.post(AT, json={"credential": good | {"blob": blob}}).status_code
        for blob in blobs
    ]
    whole = {"blob": '{"access": "a1", "secret": "s"}'}
    without = {k: v for k, v in good.items() if k != "project_id"}

    assert codes == [400] * 4
    assert cloud.demo.post(AT, json={"credential": without | whole}).status_code == 400
    assert cloud.demo.post(AT, json={"credential": good | whole}).status_code == 201
    assert cloud.demo.post(AT, json={"credential": good | whole}).status_code == 409


def test_they_go_with_their_user_and_their_project(cloud: Cloud):
    who, where = user(cloud, "leaver"), project(cloud, "left")
    of_user = _create(cloud.admin, user_id=who["id"])
    of_project = _create(cloud.admin, project_id=where["id"])

    cloud.admin.delete(f"{V3}/users/{who['id']}")
    cloud.admin.delete(f"{V3}/projects/{where['id']}")

    assert cloud.admin.get(f"{AT}/{of_user['id']}").status_code == 404
    assert cloud.admin.get(f"{AT}/{of_project['id']}").status_code == 404


def test_a_rotation_seals_all_anew_while_the_cloud_runs(cloud: Cloud):
    credential = _create(cloud.demo)
    db, keys = cloud.parts[Database], CredentialKeys(cloud.config.shared / "credential-keys")
    before = _row(cloud, credential["id"])

    done = rotate(db, keys)

    after = _row(cloud, credential["id"])
    assert (after.key, done.key) == (before.key + 1, before.key + 1)
    assert after.blob != before.blob
    assert cloud.demo.get(f"{AT}/{credential['id']}").json()["credential"] == credential


def test_a_rotation_removes_keys_before_the_last_two(cloud: Cloud):
    credential = _create(cloud.demo)
    db, keys = cloud.parts[Database], CredentialKeys(cloud.config.shared / "credential-keys")

    newest = [rotate(db, keys).key for _ in range(3)][-1]

    assert keys.numbers() == [newest - 1, newest]
    assert cloud.demo.get(f"{AT}/{credential['id']}").status_code == 200


def test_a_missing_key_is_named(cloud: Cloud):
    credential = _create(cloud.demo)
    row = _row(cloud, credential["id"])
    cloud.parts[Database].run(lambda tx: tx.change(row, key=999))

    answer = cloud.demo.get(f"{AT}/{credential['id']}")
    cloud.parts[Database].run(lambda tx: tx.remove(row))

    assert answer.status_code == 503
    assert "credential-keys/999" in answer.json()["error"]["message"]


def test_a_lent_token_stays_in_its_project(cloud: Cloud):
    who, where = member(cloud, "lender")
    client = cloud.client("lender", "lender-secret", "lender")
    seed = _create(client, type="totp")
    path = f"{V3}/users/{who['id']}/application_credentials"
    body = {"application_credential": {"name": "robot", "unrestricted": True}}
    robot = made(client.post(path, json=body), "application_credential")
    proof = {"id": robot["id"], "secret": robot["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}
    answer = client.post(f"{V3}/auth/tokens", json={"auth": {"identity": identity}})
    lent = Client(cloud.base, answer.headers["X-Subject-Token"], where["id"], who["id"])

    assert lent.get(f"{AT}/{seed['id']}").status_code == 403
    assert lent.delete(f"{AT}/{seed['id']}").status_code == 403
    assert lent.get(AT).json()["credentials"] == []
    assert _create(lent, project_id=where["id"])["project_id"] == where["id"]
