"""OAuth 1.0a: a consumer asks, a user authorises, the consumer logs in on its behalf."""

import time
from datetime import datetime
from typing import Any

import httpx
import pytest

from pileus.core.errors import BadRequest, Unauthorized
from pileus.identity.oauth1 import signed

from ...cloud import Client, Cloud
from ...oauth1 import header, pair
from .calls import V3, by_token, login, made, role, works

AT = f"{V3}/OS-OAUTH1"


def _consumer(cloud: Cloud) -> tuple[str, str]:
    answer = cloud.admin.post(f"{AT}/consumers", json={"consumer": {"description": "d"}})
    found = made(answer, "consumer")
    return found["id"], found["secret"]


def _ask(cloud: Cloud, consumer: tuple[str, str], project: str, **more: str) -> httpx.Response:
    url = f"{cloud.base}{AT}/request_token"
    headers = header(url, *consumer, oauth_callback="oob", **more)
    return httpx.post(url, headers=headers | {"Requested-Project-Id": project})


def _authorize(client: Client, request: str, *names: str) -> httpx.Response:
    roles = {"roles": [{"name": name} for name in names or ("member",)]}
    return client.put(f"{AT}/authorize/{request}", json=roles)


def _exchange(
    cloud: Cloud, consumer: tuple[str, str], request: tuple[str, str], verifier: str
) -> httpx.Response:
    url = f"{cloud.base}{AT}/access_token"
    headers = header(url, *consumer, token=request, oauth_verifier=verifier)
    return httpx.post(url, headers=headers)


def _access(cloud: Cloud, consumer: tuple[str, str]) -> tuple[str, str]:
    """An access token for the admin's project with the role member."""
    request = pair(_ask(cloud, consumer, cloud.admin.project_id))
    verifier = _authorize(cloud.admin, request[0]).json()["token"]["oauth_verifier"]
    return pair(_exchange(cloud, consumer, request, verifier))


def _log_in(
    cloud: Cloud, consumer: tuple[str, str], access: tuple[str, str], **more: str
) -> httpx.Response:
    url = f"{cloud.base}{V3}/auth/tokens"
    body = {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}}
    return httpx.post(url, json=body, headers=header(url, *consumer, token=access, **more))


def test_consumers_are_made_changed_listed_and_deleted(cloud: Cloud):
    id_, secret = _consumer(cloud)
    path = f"{AT}/consumers/{id_}"

    changed = cloud.admin.patch(path, json={"consumer": {"description": "new", "own": 1}}).json()
    listed = cloud.admin.get(f"{AT}/consumers").json()["consumers"]

    assert (changed["consumer"]["description"], changed["consumer"]["own"]) == ("new", 1)
    assert changed["consumer"] in listed
    assert secret not in str(listed)
    assert cloud.admin.patch(path, json={"consumer": {"secret": "x"}}).status_code == 400
    assert cloud.demo.get(path).status_code == 403
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.get(path).status_code == 404


def test_a_consumer_logs_in_on_behalf_of_who_authorised_it(cloud: Cloud):
    consumer = _consumer(cloud)
    access = _access(cloud, consumer)

    answer = _log_in(cloud, consumer, access)

    token = answer.json()["token"]
    assert answer.status_code == 201
    assert token["user"]["id"] == cloud.admin.user_id
    assert token["project"]["id"] == cloud.admin.project_id
    assert {one["name"] for one in token["roles"]} == {"member", "reader"}
    assert token["OS-OAUTH1"] == {"access_token_id": access[0], "consumer_id": consumer[0]}
    assert token["methods"] == ["oauth1"]
    assert _log_in(cloud, consumer, access, oauth_signature_method="HMAC-SHA256").is_success


def test_its_token_makes_no_other_and_authorises_nobody(cloud: Cloud):
    consumer = _consumer(cloud)
    token = _log_in(cloud, consumer, _access(cloud, consumer)).headers["X-Subject-Token"]
    request = pair(_ask(cloud, consumer, cloud.admin.project_id))
    lent = Client(cloud.base, token, cloud.admin.project_id, cloud.admin.user_id)

    assert login(cloud, by_token(token)).status_code == 403
    assert _authorize(lent, request[0]).status_code == 403


def test_an_access_token_is_shown_with_its_roles_and_taken_away(cloud: Cloud):
    consumer = _consumer(cloud)
    access = _access(cloud, consumer)
    token = _log_in(cloud, consumer, access).headers["X-Subject-Token"]
    at = f"{V3}/users/{cloud.admin.user_id}/OS-OAUTH1/access_tokens"
    one, member = f"{at}/{access[0]}", role(cloud, "member")

    shown = cloud.admin.get(one).json()["access_token"]
    roles = cloud.admin.get(f"{one}/roles").json()["roles"]

    assert (shown["consumer_id"], shown["project_id"]) == (consumer[0], cloud.admin.project_id)
    assert shown in cloud.admin.get(at).json()["access_tokens"]
    assert [r["id"] for r in roles] == [member]
    assert cloud.admin.get(f"{one}/roles/{member}").json()["role"]["name"] == "member"
    assert cloud.admin.get(f"{one}/roles/{role(cloud, 'admin')}").status_code == 404
    assert works(cloud, token)
    assert cloud.admin.delete(one).status_code == 204
    assert cloud.admin.get(one).status_code == 404
    assert not works(cloud, token)
    assert _log_in(cloud, consumer, access).status_code == 401


def test_all_of_a_consumer_ends_with_it(cloud: Cloud):
    consumer = _consumer(cloud)
    access = _access(cloud, consumer)
    token = _log_in(cloud, consumer, access).headers["X-Subject-Token"]

    cloud.admin.delete(f"{AT}/consumers/{consumer[0]}")

    assert not works(cloud, token)
    assert _log_in(cloud, consumer, access).status_code == 401


def test_a_request_token_is_used_once_and_only_when_it_is_authorised(cloud: Cloud):
    consumer = _consumer(cloud)
    request = pair(_ask(cloud, consumer, cloud.admin.project_id))
    assert _exchange(cloud, consumer, request, "12345678").status_code == 401
    verifier = _authorize(cloud.admin, request[0]).json()["token"]["oauth_verifier"]

    assert _exchange(cloud, consumer, request, "wrong").status_code == 401
    assert _exchange(cloud, _consumer(cloud), request, verifier).status_code == 401
    assert _exchange(cloud, consumer, (request[0], "x"), verifier).status_code == 401
    assert _exchange(cloud, consumer, request, verifier).status_code == 201
    assert _exchange(cloud, consumer, request, verifier).status_code == 401


def test_nobody_lends_roles_that_it_does_not_have(cloud: Cloud):
    consumer = _consumer(cloud)
    request = pair(_ask(cloud, consumer, cloud.demo.project_id))

    assert _authorize(cloud.admin, request[0]).status_code == 401  # no role in demo's project
    assert _authorize(cloud.demo, request[0]).status_code == 403
    assert _authorize(cloud.admin, "nothing").status_code == 404
    assert cloud.admin.put(f"{AT}/authorize/{request[0]}", json={"roles": []}).status_code == 400


def test_a_request_is_signed_rightly_and_lately(cloud: Cloud):
    consumer, project = _consumer(cloud), cloud.admin.project_id
    old = str(int(time.time()) - 700)

    assert _ask(cloud, (consumer[0], "wrong"), project).status_code == 401
    assert _ask(cloud, ("nobody", "x"), project).status_code == 401
    assert _ask(cloud, consumer, project, oauth_timestamp=old).status_code == 401
    assert _ask(cloud, consumer, project, oauth_timestamp="soon").status_code == 400
    assert _ask(cloud, consumer, project, oauth_signature_method="RSA-SHA1").status_code == 400
    assert _ask(cloud, consumer, "nowhere").status_code == 404
    assert _ask(cloud, consumer, "").status_code == 400
    assert httpx.post(f"{cloud.base}{AT}/request_token").status_code == 400


def test_the_base_string_is_that_of_the_standard():
    """The request of RFC 5849, 1.2 with its published signature."""
    params = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131202",
        "oauth_nonce": "chapoH",
        "oauth_signature": "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
    }
    query = (("file", "vacation.jpg"), ("size", "original"))
    request = signed.Signed("GET", "http://photos.example.net/photos", query, params)
    now = datetime(1974, 5, 7, 4, 0, 2)  # the timestamp's moment

    signed.check(request, now, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00")

    with pytest.raises(Unauthorized):
        signed.check(request, now, "kd94hf93k423kf44", "other")
    with pytest.raises(BadRequest):
        signed.Signed("GET", request.url, query, {}).needs("oauth_token")


def test_a_login_with_a_wrong_signature_is_401(cloud: Cloud):
    consumer = _consumer(cloud)
    access = _access(cloud, consumer)
    body: dict[str, Any] = {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}}

    assert _log_in(cloud, consumer, (access[0], "wrong")).status_code == 401
    assert _log_in(cloud, (consumer[0], "wrong"), access).status_code == 401
    assert httpx.post(f"{cloud.base}{V3}/auth/tokens", json=body).status_code == 400
