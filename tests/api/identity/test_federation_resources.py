"""OS-FEDERATION: identity providers, mappings, protocols and service providers."""

from typing import Any

import pytest

from ...cloud import Cloud
from .calls import V3

FED = f"{V3}/OS-FEDERATION"
RULES = [
    {
        "local": [{"user": {"name": "{0}"}}, {"group_ids": "{1}"}],
        "remote": [{"type": "openstack_username"}, {"type": "group_ids", "whitelist": ["abc"]}],
    }
]


def put(cloud: Cloud, many: str, key: str, one: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = cloud.admin.put(f"{FED}/{many}/{key}", json={one: body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()[one]
    return found


def idp(cloud: Cloud, key: str, **more: Any) -> dict[str, Any]:
    return put(cloud, "identity_providers", key, "identity_provider", more)


def test_an_identity_provider_is_disabled_and_has_a_domain_of_its_own(cloud: Cloud) -> None:
    made = idp(cloud, "plain", description="d")

    assert (made["enabled"], made["remote_ids"], made["description"]) == (False, [], "d")
    assert made["authorization_ttl"] is None
    domain = cloud.admin.get(f"{V3}/domains/{made['domain_id']}").json()["domain"]
    assert domain["enabled"] is True
    assert made["links"]["protocols"] == f"{cloud.base}{FED}/identity_providers/plain/protocols"
    assert cloud.admin.get(f"{FED}/identity_providers/plain").json()["identity_provider"] == made


def test_an_identity_provider_is_changed(cloud: Cloud) -> None:
    idp(cloud, "change", remote_ids=["a"], enabled=True)

    body = {"identity_provider": {"remote_ids": ["b", "c"], "enabled": False}}
    answer = cloud.admin.patch(f"{FED}/identity_providers/change", json=body)

    found = answer.json()["identity_provider"]
    assert (found["remote_ids"], found["enabled"]) == (["b", "c"], False)


def test_a_remote_id_belongs_to_one_identity_provider(cloud: Cloud) -> None:
    idp(cloud, "first", remote_ids=["shared-id"])

    body = {"identity_provider": {"remote_ids": ["shared-id"]}}
    answer = cloud.admin.put(f"{FED}/identity_providers/second", json=body)

    assert answer.status_code == 409
    assert cloud.admin.get(f"{FED}/identity_providers/second").status_code == 404


def test_identity_providers_are_filtered(cloud: Cloud) -> None:
    idp(cloud, "on", enabled=True)
    idp(cloud, "off")

    def names(**query: str) -> list[str]:
        answer = cloud.admin.get(f"{FED}/identity_providers", params=query)
        return [one["id"] for one in answer.json()["identity_providers"]]

    assert "on" in names(enabled="true")
    assert "off" not in names(enabled="true")
    assert names(id="off") == ["off"]


@pytest.mark.parametrize(
    "body",
    [
        {"domain_id": "nowhere"},
        {"enabled": "yes"},
        {"remote_ids": ["a", "a"]},
        {"authorization_ttl": -1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_an_identity_provider_that_cannot_be_is_refused(cloud: Cloud, body: Any) -> None:
    answer = cloud.admin.put(f"{FED}/identity_providers/bad", json={"identity_provider": body})

    assert answer.status_code == 400
    assert cloud.admin.get(f"{FED}/identity_providers/bad").status_code == 404


def test_a_mapping_is_made_changed_and_removed(cloud: Cloud) -> None:
    made = put(cloud, "mappings", "m1", "mapping", {"rules": RULES})
    assert (made["rules"], made["schema_version"]) == (RULES, "1.0")
    rules = [{"local": [{"user": {"name": "x"}}], "remote": [{"type": "y"}]}]
    body = {"mapping": {"rules": rules, "schema_version": "2.0"}}

    changed = cloud.admin.patch(f"{FED}/mappings/m1", json=body).json()["mapping"]

    assert (changed["rules"], changed["schema_version"]) == (rules, "2.0")
    assert cloud.admin.delete(f"{FED}/mappings/m1").status_code == 204
    assert cloud.admin.get(f"{FED}/mappings/m1").status_code == 404


def test_a_mapping_may_say_its_own_id_and_no_other(cloud: Cloud) -> None:
    # The openstack client does.
    body = {"mapping": {"id": "m2", "rules": RULES}}

    other = cloud.admin.put(f"{FED}/mappings/m3", json=body)
    own = cloud.admin.put(f"{FED}/mappings/m2", json=body)

    assert (other.status_code, own.status_code) == (400, 201)
    assert cloud.admin.delete(f"{FED}/mappings/m2").status_code == 204


def _rule(local: Any = None, **remote: Any) -> dict[str, Any]:
    part = {"user": {"name": "{0}"}} if local is None else local
    return {"rules": [{"local": [part], "remote": [{"type": "UserName"} | remote]}]}


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"rules": []},
        {"rules": [{"local": [], "remote": []}]},
        {"rules": [{"local": []}]},
        _rule(any_one_of=["a"], not_any_of=["b"]),
        _rule(any_one_of=["("], regex=True),
        _rule(regex=True),
        _rule(any_one_of="a"),
        _rule(strange=1),
        _rule({"user": {"name": "x", "type": "odd"}}),
        _rule({"group": {"name": "x"}}),
        _rule({"projects": [{"name": "x"}]}),
        _rule({"projects": [{"name": "x", "roles": [], "domain": {"id": "default"}}]}),
        _rule() | {"schema_version": "9"},
    ],
    ids=str,
)
def test_a_mapping_that_cannot_be_is_refused(cloud: Cloud, mapping: Any) -> None:
    answer = cloud.admin.put(f"{FED}/mappings/bad", json={"mapping": mapping})

    assert answer.status_code == 400, answer.text
    assert cloud.admin.get(f"{FED}/mappings/bad").status_code == 404


def test_projects_have_a_domain_from_the_second_schema_on(cloud: Cloud) -> None:
    project = {"name": "x", "roles": [{"name": "member"}], "domain": {"id": "default"}}
    body = _rule({"projects": [project]}) | {"schema_version": "2.0"}

    made = put(cloud, "mappings", "second-schema", "mapping", body)

    assert made["rules"] == body["rules"]


def test_a_protocol_binds_a_mapping_to_an_identity_provider(cloud: Cloud) -> None:
    idp(cloud, "bound")
    put(cloud, "mappings", "bound-1", "mapping", {"rules": RULES})
    put(cloud, "mappings", "bound-2", "mapping", {"rules": RULES})
    path = "identity_providers/bound/protocols"

    made = put(cloud, path, "mapped", "protocol", {"mapping_id": "bound-1"})

    assert (made["id"], made["mapping_id"]) == ("mapped", "bound-1")
    assert made["links"]["identity_provider"].endswith("/identity_providers/bound")
    body = {"protocol": {"mapping_id": "bound-2", "remote_id_attribute": "iss"}}
    changed = cloud.admin.patch(f"{FED}/{path}/mapped", json=body).json()["protocol"]
    assert (changed["mapping_id"], changed["remote_id_attribute"]) == ("bound-2", "iss")
    listed = cloud.admin.get(f"{FED}/{path}").json()["protocols"]
    assert [(one["id"], one["idp_id"]) for one in listed] == [("mapped", "bound")]
    assert cloud.admin.delete(f"{FED}/mappings/bound-2").status_code == 409
    assert cloud.admin.delete(f"{FED}/{path}/mapped").status_code == 204
    assert cloud.admin.get(f"{FED}/{path}/mapped").status_code == 404
    assert cloud.admin.delete(f"{FED}/mappings/bound-2").status_code == 204


def test_a_protocol_needs_a_mapping_that_there_is(cloud: Cloud) -> None:
    idp(cloud, "unbound")
    put(cloud, "mappings", "unbound", "mapping", {"rules": RULES})
    path = f"{FED}/identity_providers/unbound/protocols/mapped"

    assert cloud.admin.put(path, json={"protocol": {"mapping_id": "none"}}).status_code == 400
    cloud.admin.put(path, json={"protocol": {"mapping_id": "unbound"}})
    assert cloud.admin.patch(path, json={"protocol": {"mapping_id": "none"}}).status_code == 400
    assert cloud.admin.put(path, json={"protocol": {"mapping_id": "unbound"}}).status_code == 409


def test_an_identity_provider_goes_with_its_protocols(cloud: Cloud) -> None:
    idp(cloud, "going", remote_ids=["going"])
    put(cloud, "mappings", "going", "mapping", {"rules": RULES})
    path = "identity_providers/going/protocols"
    put(cloud, path, "mapped", "protocol", {"mapping_id": "going"})

    assert cloud.admin.delete(f"{FED}/identity_providers/going").status_code == 204

    assert cloud.admin.get(f"{FED}/{path}").status_code == 404
    assert cloud.admin.delete(f"{FED}/mappings/going").status_code == 204


def test_a_domain_goes_with_its_identity_providers(cloud: Cloud) -> None:
    made = idp(cloud, "tenant")
    path = f"{V3}/domains/{made['domain_id']}"

    cloud.admin.patch(path, json={"domain": {"enabled": False}})
    answer = cloud.admin.delete(path)

    assert answer.status_code == 204, answer.text
    assert cloud.admin.get(f"{FED}/identity_providers/tenant").status_code == 404


def test_service_providers_are_made_filtered_changed_and_removed(cloud: Cloud) -> None:
    urls = {"auth_url": "https://b.example.com/v3/auth", "sp_url": "https://b.example.com/sp"}
    made = put(cloud, "service_providers", "b", "service_provider", urls | {"enabled": True})
    put(cloud, "service_providers", "c", "service_provider", urls)
    assert made["relay_state_prefix"] == "ss:mem:"

    def names(**query: str) -> list[str]:
        found = cloud.admin.get(f"{FED}/service_providers", params=query).json()
        return [one["id"] for one in found["service_providers"]]

    assert names(enabled="true") == ["b"]
    assert names(id="c") == ["c"]
    body = {"service_provider": {"enabled": False, "description": "d"}}
    changed = cloud.admin.patch(f"{FED}/service_providers/b", json=body).json()
    assert changed["service_provider"]["description"] == "d"
    assert names(enabled="true") == []
    assert cloud.admin.delete(f"{FED}/service_providers/b").status_code == 204
    assert cloud.admin.get(f"{FED}/service_providers/b").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"auth_url": "https://b.example.com"}, {"auth_url": "no url", "sp_url": "https://b"}],
    ids=str,
)
def test_a_service_provider_needs_two_urls(cloud: Cloud, body: Any) -> None:
    answer = cloud.admin.put(f"{FED}/service_providers/bad", json={"service_provider": body})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["identity_providers", "mappings", "service_providers", "identity_providers/x/protocols"],
)
def test_federation_is_for_admins(cloud: Cloud, path: str) -> None:
    assert cloud.demo.get(f"{FED}/{path}").status_code == 403
    assert cloud.demo.get(f"{FED}/{path}/x").status_code == 403
    assert cloud.demo.delete(f"{FED}/{path}/x").status_code == 403
