"""EC2 credentials, and tokens for requests that were signed with them."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pileus.core.errors import Unauthorized
from pileus.identity.signature import Signed, matches, s3_matches

from ...cloud import Client, Cloud
from .calls import V3, made, works

# The keys and the signatures of the examples in Amazon's own documentation.
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOTHING = hashlib.sha256(b"").hexdigest()


def _create(client: Client) -> dict[str, Any]:
    path = f"{V3}/users/{client.user_id}/credentials/OS-EC2"
    return made(client.post(path, json={"tenant_id": client.project_id}), "credential")


def _signed_2(credential: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    moment = at or datetime.now(UTC)
    params = {
        "AWSAccessKeyId": credential["access"],
        "Action": "DescribeInstances",
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }
    query = "&".join(f"{k}={v.replace(':', '%3A')}" for k, v in sorted(params.items()))
    text = f"GET\nec2.example\n/\n{query}"
    digest = hmac.new(credential["secret"].encode(), text.encode(), "sha256").digest()
    return {
        "access": credential["access"],
        "signature": base64.b64encode(digest).decode(),
        "host": "ec2.example:8773",  # signed without its port, as some clients do
        "verb": "GET",
        "path": "/",
        "params": params,
    }


def _ask(cloud: Cloud, given: dict[str, Any], path: str = "ec2tokens") -> Any:
    return cloud.admin.post(f"{V3}/{path}", json={"credentials": given})


def test_a_user_makes_lists_shows_and_deletes_them(cloud: Cloud):
    credential = _create(cloud.demo)
    at = f"{V3}/users/{cloud.demo.user_id}/credentials/OS-EC2"
    one = f"{at}/{credential['access']}"

    assert cloud.demo.get(one).json()["credential"] == credential
    assert credential in cloud.demo.get(at).json()["credentials"]
    assert cloud.demo.delete(one).status_code == 204
    assert cloud.admin.get(one).status_code == 404


def test_another_user_cannot_read_them(cloud: Cloud):
    credential = _create(cloud.demo)
    at = f"{V3}/users/{cloud.demo.user_id}/credentials/OS-EC2"
    through_own = f"{V3}/users/{cloud.other.user_id}/credentials/OS-EC2"

    assert cloud.other.get(at).status_code == 403
    assert cloud.other.get(f"{at}/{credential['access']}").status_code == 403
    assert cloud.other.get(f"{through_own}/{credential['access']}").status_code == 403


def test_it_is_a_credential_like_others_too(cloud: Cloud):
    credential = _create(cloud.demo)

    id_ = hashlib.sha256(credential["access"].encode()).hexdigest()
    shown = cloud.demo.get(f"{V3}/credentials/{id_}").json()["credential"]

    assert (shown["type"], shown["project_id"]) == ("ec2", cloud.demo.project_id)


def test_a_signed_request_gets_a_token_of_its_user_and_project(cloud: Cloud):
    credential = _create(cloud.demo)

    answer = _ask(cloud, _signed_2(credential))

    token = answer.json()["token"]
    assert answer.status_code == 200
    assert (token["user"]["id"], token["project"]["id"]) == (
        cloud.demo.user_id,
        cloud.demo.project_id,
    )
    assert token["methods"] == ["ec2credential"]
    assert works(cloud, answer.headers["X-Subject-Token"])


def test_a_signature_for_s3_gets_a_token(cloud: Cloud):
    credential = _create(cloud.demo)
    text = b"GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/object"
    digest = hmac.new(credential["secret"].encode(), text, "sha1").digest()
    given = {
        "access": credential["access"],
        "signature": base64.b64encode(digest).decode(),
        "token": base64.urlsafe_b64encode(text).decode(),
    }

    answer = _ask(cloud, given, "s3tokens")

    assert answer.status_code == 200
    assert answer.json()["token"]["project"]["id"] == cloud.demo.project_id
    assert "X-Subject-Token" not in answer.headers


def test_wrong_old_and_unknown_signatures_are_refused(cloud: Cloud):
    credential = _create(cloud.demo)
    good = _signed_2(credential)
    old = _signed_2(credential, datetime.now(UTC) - timedelta(minutes=16))

    codes = [
        _ask(cloud, good | {"signature": "x"}).status_code,
        _ask(cloud, good | {"params": good["params"] | {"Action": "Other"}}).status_code,
        _ask(cloud, old).status_code,
        _ask(cloud, good | {"access": "unknown"}).status_code,
        _ask(cloud, {k: v for k, v in good.items() if k != "signature"}).status_code,
    ]

    assert codes == [401, 401, 401, 404, 401]


def test_only_services_and_the_admin_may_ask(cloud: Cloud):
    credential = _create(cloud.demo)

    answer = cloud.demo.post(f"{V3}/ec2tokens", json={"credentials": _signed_2(credential)})

    assert answer.status_code == 403


def test_a_disabled_user_gets_no_token(cloud: Cloud):
    client = cloud.new_member("switched-off")
    given = _signed_2(_create(client))
    assert _ask(cloud, given).status_code == 200

    cloud.admin.patch(f"{V3}/users/{client.user_id}", json={"user": {"enabled": False}})

    assert _ask(cloud, given).status_code == 401


def test_version_2_is_as_amazon_has_it():
    params = {
        "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "Action": "DescribeJobFlows",
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": "2011-10-03T15:19:30",
        "Version": "2009-03-31",
    }
    signature = "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs="
    given = Signed(signature, "elasticmapreduce.amazonaws.com", "GET", "/", params, {}, "")

    assert matches(given, SECRET)
    assert not matches(given, SECRET + "x")


def test_version_1_joins_names_and_values_whatever_their_case():
    params = {"b": "2", "A": "1", "SignatureVersion": "1"}
    digest = hmac.new(b"key", b"A1b2SignatureVersion1", "sha1").digest()
    given = Signed(base64.b64encode(digest).decode(), "h", "GET", "/", params, {}, "")

    assert matches(given, "key")


def _version_4() -> Signed:
    scope = "20150830/us-east-1/iam/aws4_request"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Host": "iam.amazonaws.com",
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": (
            f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope},"
            " SignedHeaders=content-type;host;x-amz-date, Signature=ignored"
        ),
    }
    params = {"Action": "ListUsers", "Version": "2010-05-08"}
    signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    return Signed(signature, "iam.amazonaws.com", "GET", "/", params, headers, NOTHING)


def test_version_4_is_as_amazon_has_it():
    assert matches(_version_4(), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    assert not matches(_version_4(), SECRET)


@pytest.mark.parametrize("version", ["0", "3", "x"])
def test_other_versions_are_named(version: str):
    given = Signed("s", "h", "GET", "/", {"SignatureVersion": version}, {}, "")

    with pytest.raises(Unauthorized, match="none of 1, 2 and 4"):
        matches(given, "key")


def test_s3_before_version_4_is_as_amazon_has_it():
    text = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"
    token = base64.urlsafe_b64encode(text.encode()).decode()

    assert s3_matches("qgk2+6Sv9/oM7G3qLEjTH1a1l1g=", token, SECRET)


@pytest.mark.parametrize("text", ["AWS4\n", "AWS4-HMAC-SHA256\nd\n1/r/ec2/aws4_request\nh", "\xff"])
def test_s3_refuses_texts_of_other_services(text: str):
    token = base64.urlsafe_b64encode(text.encode("latin-1")).decode()

    with pytest.raises(Unauthorized):
        s3_matches("x", token, SECRET)
