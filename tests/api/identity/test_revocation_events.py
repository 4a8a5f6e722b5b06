"""The list of what was revoked."""

import httpx

from ...cloud import Cloud
from .calls import V3, member, user

AT = f"{V3}/OS-REVOKE/events"


def test_a_disabled_user_and_a_revoked_token_are_told(cloud: Cloud):
    who, _ = member(cloud, "revoked")
    client = cloud.client("revoked", "revoked-secret", "revoked")
    subject = {"X-Subject-Token": client.headers["X-Auth-Token"]}
    audit = client.get(f"{V3}/auth/tokens", headers=subject).json()["token"]["audit_ids"][0]

    client.delete(f"{V3}/auth/tokens", headers=subject)
    cloud.admin.patch(f"{V3}/users/{who['id']}", json={"user": {"enabled": False}})

    events = cloud.admin.get(AT).json()["events"]
    assert any(one.get("audit_id") == audit for one in events)
    mine = next(one for one in events if one.get("user_id") == who["id"])
    assert mine["issued_before"] == mine["revoked_at"]


def test_only_those_since_a_moment_are_told(cloud: Cloud):
    who = user(cloud, "lately")
    cloud.admin.patch(f"{V3}/users/{who['id']}", json={"user": {"enabled": False}})
    events = cloud.admin.get(AT).json()["events"]
    mine = next(one for one in events if one.get("user_id") == who["id"])

    since = cloud.admin.get(AT, params={"since": mine["revoked_at"]}).json()["events"]
    later = cloud.admin.get(AT, params={"since": "2199-01-01T00:00:00Z"}).json()["events"]

    assert mine in since
    assert later == []
    assert cloud.admin.get(AT, params={"since": "soon"}).status_code == 400


def test_members_may_not_read_it(cloud: Cloud):
    assert cloud.demo.get(AT).status_code == 403


def test_certificates_are_gone(cloud: Cloud):
    for name in ("ca", "certificates"):
        answer = httpx.get(f"{cloud.base}{V3}/OS-SIMPLE-CERT/{name}")
        assert answer.status_code == 410
        assert answer.json()["error"]["code"] == 410
