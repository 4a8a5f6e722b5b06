"""The audit finds what a user that is gone has left behind, and removes it."""

from pileus.core.db import Database
from pileus.identity.credential import Credential

from ...cloud import Cloud
from .calls import V3, made


def test_a_credential_of_nobody_is_found_and_removed(fresh_cloud: Cloud):
    body = {"user_id": fresh_cloud.demo.user_id, "type": "cert", "blob": "x"}
    answer = fresh_cloud.demo.post(f"{V3}/credentials", json={"credential": body})
    id_ = made(answer, "credential")["id"]
    db = fresh_cloud.parts[Database]
    db.run(lambda tx: tx.set(Credential, Credential.id == id_, user_id="nobody"))

    findings = [f for f in fresh_cloud.audit() if f.id == "identity.owned"]

    assert len(findings) == 1
    assert f"credential {id_}: its user_id nobody is gone" in findings[0].detail
