"""One of everything in a cloud, made through its API, and the ids by which it is found."""

from typing import Any

import httpx

from .. import oauth1
from ..cloud import Client, Cloud

KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a@example.com"
)
COMPUTE = {"OpenStack-API-Version": "compute 2.96"}
PLACEMENT = {"OpenStack-API-Version": "placement 1.39"}


class _Maker:
    """Makes things and keeps their ids; anything refused is a failure of the test itself."""

    def __init__(self, cloud: Cloud, owner: Client, mark: str) -> None:
        self.cloud, self.owner, self.mark = cloud, owner, mark
        self.ids: dict[str, str] = {}

    def ask(
        self, who: Client, method: str, path: str, body: Any = None, **more: Any
    ) -> httpx.Response:
        answer = who.request(method, path, json=body, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def make(self, who: Client, path: str, one: str, body: dict[str, Any], **more: Any) -> Any:
        return self.ask(who, "POST", path, {one: body}, **more).json()[one]

    def name(self, what: str) -> str:
        return f"{self.mark}-{what}"


def populate(cloud: Cloud, owner: Client, mark: str = "prey") -> dict[str, str]:
    """Make one of everything, `owner`'s where it has an owner, and wait until it is there.

    `mark` stands in every name that a client can choose.
    """
    maker = _Maker(cloud, owner, mark)
    _identity(maker)
    _image(maker)
    _placement(maker)
    _network(maker)
    _compute(maker)
    cloud.settle()
    return maker.ids


def _identity(m: _Maker) -> None:
    admin, v3 = m.cloud.admin, "/identity/v3"
    new = {"name": m.name("thing"), "description": m.name("said")}
    ids = m.ids
    ids["domain_id"] = m.make(admin, f"{v3}/domains", "domain", new)["id"]
    ids["project_id"] = m.owner.project_id
    if m.owner is m.cloud.admin:
        ids["project_id"] = m.make(admin, f"{v3}/projects", "project", new)["id"]
    m.ask(admin, "PUT", f"{v3}/projects/{ids['project_id']}/tags/{m.name('tag')}")
    ids["project_tag"] = m.name("tag")
    person = new | {"password": "secret-1"}
    ids["user_id"] = m.make(admin, f"{v3}/users", "user", person)["id"]
    ids["group_id"] = m.make(admin, f"{v3}/groups", "group", new)["id"]
    m.ask(admin, "PUT", f"{v3}/groups/{ids['group_id']}/users/{ids['user_id']}")
    ids["role_id"] = m.make(admin, f"{v3}/roles", "role", new)["id"]
    ids["implied_role_id"] = m.make(admin, f"{v3}/roles", "role", {"name": m.name("r2")})["id"]
    m.ask(admin, "PUT", f"{v3}/roles/{ids['role_id']}/implies/{ids['implied_role_id']}")
    _grants(m)
    ids["service_id"] = m.make(admin, f"{v3}/services", "service", new | {"type": "x"})["id"]
    ids["region_id"] = m.make(admin, f"{v3}/regions", "region", {"id": m.name("region")})["id"]
    place = {"service_id": ids["service_id"], "interface": "public", "url": "http://127.0.0.1/"}
    ids["endpoint_id"] = m.make(admin, f"{v3}/endpoints", "endpoint", place)["id"]
    rules = [{"path": "/v2.1/servers", "method": "GET", "service": "compute"}]
    made = m.make(
        m.owner,
        f"{v3}/users/{m.owner.user_id}/application_credentials",
        "application_credential",
        {"name": m.name("credential"), "access_rules": rules},
    )
    ids["application_credential_id"] = made["id"]
    ids["access_rule_id"] = made["access_rules"][0]["id"]
    _federation(m)
    _kept(m)
    _lent(m)
    login = m.cloud.token("demo", "demo-secret", "demo")
    ids["token"] = login.headers["X-Subject-Token"]


def _federation(m: _Maker) -> None:
    ids, admin, at = m.ids, m.cloud.admin, "/identity/v3/OS-FEDERATION"

    def put(path: str, one: str, body: dict[str, Any]) -> str:
        return str(m.ask(admin, "PUT", f"{at}/{path}", {one: body}).json()[one]["id"])

    rule = {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "name"}]}
    config = {"identity": {"driver": "sql"}, "ldap": {"url": "ldap://127.0.0.1:9"}}
    path = f"/identity/v3/domains/{ids['domain_id']}/config"
    m.ask(admin, "PUT", path, {"config": config})
    ids["group"], ids["option"] = "ldap", "url"
    urls = {"auth_url": "https://b.example.com/v3", "sp_url": "https://b.example.com/sp"}
    ids["mapping_id"] = put(f"mappings/{m.name('mapping')}", "mapping", {"rules": [rule]})
    provider = f"identity_providers/{m.name('idp')}"
    known = {"remote_ids": [m.name("entity")], "enabled": True}
    ids["idp_id"] = put(provider, "identity_provider", known)
    body = {"mapping_id": ids["mapping_id"]}
    ids["protocol_id"] = put(f"{provider}/protocols/{m.name('protocol')}", "protocol", body)
    ids["service_provider_id"] = put(
        f"service_providers/{m.name('cloud')}", "service_provider", urls
    )


def _kept(m: _Maker) -> None:
    """Credentials, limits, policies and endpoint groups."""
    admin, v3, ids, owner = m.cloud.admin, "/identity/v3", m.ids, m.owner
    secret = {"user_id": owner.user_id, "type": "cert", "blob": m.name("blob")}
    ids["credential_id"] = m.make(owner, f"{v3}/credentials", "credential", secret)["id"]
    path = f"{v3}/users/{owner.user_id}/credentials/OS-EC2"
    key = m.ask(owner, "POST", path, {"tenant_id": owner.project_id}).json()["credential"]
    ids["access_key"] = key["access"]
    about = {"service_id": ids["service_id"], "resource_name": m.name("widgets")}
    registered = {"registered_limits": [about | {"default_limit": 5}]}
    made = m.ask(admin, "POST", f"{v3}/registered_limits", registered).json()
    ids["registered_limit_id"] = made["registered_limits"][0]["id"]
    limits = {"limits": [about | {"resource_limit": 4, "project_id": ids["project_id"]}]}
    ids["limit_id"] = m.ask(admin, "POST", f"{v3}/limits", limits).json()["limits"][0]["id"]
    policy = {"type": "text/plain", "blob": m.name("policy")}
    ids["policy_id"] = m.make(admin, f"{v3}/policies", "policy", policy)["id"]
    place = f"{v3}/policies/{ids['policy_id']}/OS-ENDPOINT-POLICY"
    for one in (f"endpoints/{ids['endpoint_id']}", f"services/{ids['service_id']}"):
        m.ask(admin, "PUT", f"{place}/{one}")
    m.ask(admin, "PUT", f"{place}/services/{ids['service_id']}/regions/{ids['region_id']}")
    group = {"name": m.name("group"), "filters": {"service_id": ids["service_id"]}}
    made = m.make(admin, f"{v3}/OS-EP-FILTER/endpoint_groups", "endpoint_group", group)
    ids["endpoint_group_id"] = made["id"]


def _lent(m: _Maker) -> None:
    """A trust, and a consumer with a request token and an access token."""
    admin, v3, ids, owner = m.cloud.admin, "/identity/v3", m.ids, m.owner
    trust = {
        "trustor_user_id": owner.user_id,
        "trustee_user_id": ids["user_id"],
        "project_id": owner.project_id,
        "impersonation": True,
        "roles": [{"name": "reader"}],
    }
    ids["trust_id"] = m.make(owner, f"{v3}/OS-TRUST/trusts", "trust", trust)["id"]
    at = f"{v3}/OS-OAUTH1"
    consumer = m.make(admin, f"{at}/consumers", "consumer", {"description": m.name("said")})
    ids["consumer_id"] = consumer["id"]
    who = (consumer["id"], consumer["secret"])

    def asked() -> tuple[str, str]:
        url = f"{m.cloud.base}{at}/request_token"
        headers = oauth1.header(url, *who) | {"Requested-Project-Id": admin.project_id}
        return oauth1.pair(httpx.post(url, headers=headers, timeout=60))

    ids["request_token_id"], used = asked()[0], asked()
    roles = {"roles": [{"name": "reader"}]}
    authorized = m.ask(admin, "PUT", f"{at}/authorize/{used[0]}", roles).json()["token"]
    url = f"{m.cloud.base}{at}/access_token"
    proof = oauth1.header(url, *who, token=used, oauth_verifier=authorized["oauth_verifier"])
    ids["access_token_id"] = oauth1.pair(httpx.post(url, headers=proof, timeout=60))[0]


def _grants(m: _Maker) -> None:
    ids, v3 = m.ids, "/identity/v3"
    for target in (f"projects/{ids['project_id']}", f"domains/{ids['domain_id']}", "system"):
        for actor in (f"users/{ids['user_id']}", f"groups/{ids['group_id']}"):
            m.ask(m.cloud.admin, "PUT", f"{v3}/{target}/{actor}/roles/{ids['role_id']}")


def _image(m: _Maker) -> None:
    found = m.owner.get("/image/v2/images", params={"name": "pileus-tiny"}).json()["images"]
    m.ids["boot_image_id"] = found[0]["id"]
    wanted = {
        "name": m.name("image"),
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "private",
        "tags": [m.name("tag")],
    }
    m.ids["image_tag"] = m.name("tag")
    image = m.ask(m.owner, "POST", "/image/v2/images", wanted).json()
    m.ids["image_id"] = image["id"]
    kind = {"Content-Type": "application/octet-stream"}
    sent = m.owner.put(f"/image/v2/images/{image['id']}/file", content=b"\0" * 512, headers=kind)
    assert sent.status_code == 204, sent.text
    shared = m.ask(m.owner, "POST", "/image/v2/images", wanted | {"visibility": "shared"}).json()
    m.ids["shared_image_id"] = shared["id"]
    m.ids["member_id"] = m.cloud.admin.project_id
    path = f"/image/v2/images/{shared['id']}/members"
    m.ask(m.owner, "POST", path, {"member": m.ids["member_id"]})
    m.ids["store_id"] = "file"
    task = {
        "type": "import",
        "input": {
            "import_from": "http://localhost/nothing",
            "import_from_format": "raw",
            "image_properties": {"name": m.name("task")},
        },
    }
    m.ids["task_id"] = m.ask(m.cloud.admin, "POST", "/image/v2/tasks", task).json()["id"]
    _definitions(m)


def _definitions(m: _Maker) -> None:
    ids = m.ids
    ids["namespace"] = m.name("namespace")
    for kind in ("metadef_object", "metadef_property", "metadef_tag", "resource_type"):
        ids[kind] = m.name(kind)
    body = {
        "namespace": ids["namespace"],
        "visibility": "private",
        "owner": m.owner.project_id,
        "objects": [{"name": ids["metadef_object"], "properties": {}}],
        "properties": {ids["metadef_property"]: {"title": m.name("title"), "type": "string"}},
        "tags": [{"name": ids["metadef_tag"]}],
        "resource_type_associations": [{"name": ids["resource_type"]}],
    }
    m.ask(m.cloud.admin, "POST", "/image/v2/metadefs/namespaces", body)


def _placement(m: _Maker) -> None:
    admin, ids = m.cloud.admin, m.ids

    def ask(method: str, path: str, body: Any = None) -> httpx.Response:
        return m.ask(admin, method, f"/placement{path}", body, headers=PLACEMENT)

    upper = "".join(c if c.isalnum() else "_" for c in m.mark.upper())
    ids["provider_id"] = ask("POST", "/resource_providers", {"name": m.name("rp")}).json()["uuid"]
    ids["resource_class"] = ids["custom_class"] = f"CUSTOM_{upper}_CLASS"
    ids["trait"] = f"CUSTOM_{upper}_TRAIT"
    ask("PUT", f"/resource_classes/{ids['custom_class']}")
    ask("PUT", f"/traits/{ids['trait']}")
    stock = {"total": 10, "resource_class": ids["resource_class"]}
    ask("POST", f"/resource_providers/{ids['provider_id']}/inventories", stock)
    ids["consumer_id"] = "44444444-4444-4444-4444-" + f"{abs(hash(m.mark)) % 10**12:012d}"
    shares = {
        "allocations": {ids["provider_id"]: {"resources": {ids["resource_class"]: 1}}},
        "project_id": ids["project_id"],
        "user_id": ids["user_id"],
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }
    ask("PUT", f"/allocations/{ids['consumer_id']}", shares)


def _network(m: _Maker) -> None:
    v2, ids, owner = "/network/v2.0", m.ids, m.owner
    name = {"name": m.name("net")}
    external = owner.get(f"{v2}/networks", params={"router:external": "true"}).json()["networks"]
    ids["external_id"] = external[0]["id"]
    ids["network_id"] = m.make(owner, f"{v2}/networks", "network", name)["id"]
    ids["network_name"] = name["name"]
    subnet = name | {
        "network_id": ids["network_id"],
        "ip_version": 4,
        "cidr": "10.9.0.0/24",
    }
    ids["subnet_id"] = m.make(owner, f"{v2}/subnets", "subnet", subnet)["id"]
    group = m.make(owner, f"{v2}/security-groups", "security_group", name)
    ids["security_group_id"] = group["id"]
    ids["security_group_rule_id"] = group["security_group_rules"][0]["id"]
    port = name | {"network_id": ids["network_id"], "security_groups": [group["id"]]}
    ids["port_id"] = m.make(owner, f"{v2}/ports", "port", port)["id"]
    ids["free_port_id"] = m.make(owner, f"{v2}/ports", "port", port)["id"]
    outside = name | {"external_gateway_info": {"network_id": ids["external_id"]}}
    ids["router_id"] = m.make(owner, f"{v2}/routers", "router", outside)["id"]
    door = {"subnet_id": ids["subnet_id"]}
    m.ask(owner, "PUT", f"{v2}/routers/{ids['router_id']}/add_router_interface", door)
    floating = {"floating_network_id": ids["external_id"], "port_id": ids["port_id"]}
    ids["floatingip_id"] = m.make(owner, f"{v2}/floatingips", "floatingip", floating)["id"]
    ids["network_tag"] = m.name("tag")
    for many, kind in (
        ("networks", "network_id"),
        ("subnets", "subnet_id"),
        ("ports", "port_id"),
        ("routers", "router_id"),
        ("floatingips", "floatingip_id"),
        ("security-groups", "security_group_id"),
    ):
        m.ask(owner, "PUT", f"{v2}/{many}/{ids[kind]}/tags/{ids['network_tag']}")
    agents = m.ask(m.cloud.admin, "GET", f"{v2}/agents").json()["agents"]
    ids["agent_id"] = agents[0]["id"]


def _compute(m: _Maker) -> None:
    at, ids, owner, admin = "/compute/v2.1", m.ids, m.owner, m.cloud.admin
    flavor = {"name": m.name("flavor"), "ram": 64, "vcpus": 1, "disk": 1, "id": m.name("flavor")}
    private = flavor | {"os-flavor-access:is_public": False}
    headers = {"headers": COMPUTE}
    ids["flavor_id"] = m.make(admin, f"{at}/flavors", "flavor", private, **headers)["id"]
    ids["extra_spec"] = "hw:cpu_policy"
    specs = {"extra_specs": {ids["extra_spec"]: "shared"}}
    m.ask(admin, "POST", f"{at}/flavors/{ids['flavor_id']}/os-extra_specs", specs, **headers)
    given = {"addTenantAccess": {"tenant": ids["project_id"]}}
    m.ask(admin, "POST", f"{at}/flavors/{ids['flavor_id']}/action", given, **headers)
    ids["public_key"] = KEY
    key = {"name": m.name("key"), "public_key": KEY, "type": "ssh"}
    ids["keypair_name"] = m.make(owner, f"{at}/os-keypairs", "keypair", key, **headers)["name"]
    group = {"name": m.name("group"), "policy": "soft-affinity"}
    made = m.make(owner, f"{at}/os-server-groups", "server_group", group, **headers)
    ids["server_group_id"] = made["id"]
    _server(m)
    ids["meta_key"], ids["server_tag"] = m.name("meta"), m.name("tag")
    ids["alias"], ids["class_id"] = "os-keypairs", "default"
    hypervisors = m.ask(admin, "GET", f"{at}/os-hypervisors", **headers).json()["hypervisors"]
    ids["hypervisor_id"] = hypervisors[0]["id"]
    aggregate = {"name": m.name("aggregate"), "availability_zone": m.name("zone")}
    ids["aggregate_id"] = str(
        m.make(admin, f"{at}/os-aggregates", "aggregate", aggregate, **headers)["id"]
    )


def _server(m: _Maker) -> None:
    at, ids, headers = "/compute/v2.1", m.ids, {"headers": COMPUTE}
    wanted = {
        "name": m.name("server"),
        "imageRef": ids["boot_image_id"],
        "flavorRef": ids["flavor_id"] if m.owner.project_id == ids["project_id"] else "42",
        "networks": [{"port": ids["port_id"]}],
        "key_name": ids["keypair_name"],
        "metadata": {m.name("meta"): m.name("value")},
        "tags": [m.name("tag")],
        "description": m.name("said"),
    }
    body = {"server": wanted, "os:scheduler_hints": {"group": ids["server_group_id"]}}
    made = m.ask(m.owner, "POST", f"{at}/servers", body, **headers)
    ids["server_id"] = made.json()["server"]["id"]

    def until(status: str) -> None:
        def found() -> bool:
            answer = m.owner.get(f"{at}/servers/{ids['server_id']}", **headers).json()
            return bool(answer["server"]["status"] == status)

        m.cloud.until(found, f"the server to be {status}")

    until("ACTIVE")
    for action, status in (
        ({"resize": {"flavorRef": "84"}}, "VERIFY_RESIZE"),
        ({"revertResize": None}, "ACTIVE"),
    ):
        m.ask(m.owner, "POST", f"{at}/servers/{ids['server_id']}/action", action, **headers)
        until(status)
    path = f"{at}/os-migrations?instance_uuid={ids['server_id']}"
    moves = m.ask(m.cloud.admin, "GET", path, **headers).json()["migrations"]
    ids["migration_id"] = str(moves[0]["id"])
    path = f"{at}/servers/{ids['server_id']}/os-instance-actions"
    actions = m.ask(m.owner, "GET", path, **headers).json()["instanceActions"]
    ids["request_id"] = actions[0]["request_id"]
