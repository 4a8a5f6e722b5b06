"""A good body for every route that reads one, and good ids for every parameter of a path.

A text that starts with "$" stands for what `population` has made: "$server_id" is the id of a
server. "$new" is a name that nothing has yet.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from pileus.wire.route import Route
from pileus.wire.service import Service

Key = tuple[str, str, str, str]  # service type, method, path, action
_NEW = itertools.count()

# What a parameter stands for where its name alone does not say it: (segment before it, name).
KINDS = {
    ("tags", "tag", "identity"): "project_tag",
    ("tags", "tag", "image"): "image_tag",
    ("tags", "tag", "compute"): "server_tag",
    ("tags", "tag", "network"): "network_tag",
    ("traits", "name", "placement"): "trait",
    ("resource_classes", "name", "placement"): "custom_class",
    ("os-extra_specs", "key", "compute"): "extra_spec",
    ("metadata", "key", "compute"): "meta_key",
    ("ips", "network", "compute"): "network_name",
    ("networks", "id", "network"): "network_id",
    ("subnets", "id", "network"): "subnet_id",
    ("ports", "id", "network"): "port_id",
    ("routers", "id", "network"): "router_id",
    ("floatingips", "id", "network"): "floatingip_id",
    ("security-groups", "id", "network"): "security_group_id",
    ("security-group-rules", "id", "network"): "security_group_rule_id",
    ("agents", "id", "network"): "agent_id",
    ("network-ip-availabilities", "id", "network"): "network_id",
}


def kinds(service: Service, route: Route) -> list[str]:
    """What the parameters of a route's path stand for."""
    segments = route.path.split("/")
    found = []
    for index, segment in enumerate(segments):
        if segment.startswith("{"):
            name = segment.strip("{}").removesuffix(":path")
            found.append(KINDS.get((segments[index - 1], name, service.type), name))
    return found


def url(service: Service, route: Route, values: list[str]) -> str:
    """The route's URL with these values as its parameters, as they are."""
    left = iter(values)
    return service.path + re.sub(r"\{[^}]+\}", lambda _m: next(left), route.path)


def filled(body: Any, ids: Mapping[str, str]) -> Any:
    """A sample with its "$" texts replaced."""
    if isinstance(body, dict):
        return {filled(k, ids): filled(v, ids) for k, v in body.items()}
    if isinstance(body, list):
        return [filled(item, ids) for item in body]
    if body == "$new":
        return f"new-{next(_NEW)}"
    if isinstance(body, str) and body.startswith("$"):
        return ids[body[1:]]
    return body


_DOMAIN = {"domain": {"name": "$new", "description": "d", "enabled": True, "options": {}}}
_PROJECT = {
    "project": {
        "name": "$new",
        "domain_id": "default",
        "parent_id": "default",
        "description": "d",
        "enabled": True,
        "tags": ["a"],
        "options": {},
        "is_domain": False,
    }
}
_USER = {
    "user": {
        "name": "$new",
        "password": "secret-1",
        "domain_id": "default",
        "default_project_id": "$project_id",
        "enabled": True,
        "email": "a@example.com",
        "options": {},
    }
}
_GROUP = {"group": {"name": "$new", "domain_id": "default", "description": "d"}}
_ROLE = {"role": {"name": "$new", "description": "d", "domain_id": None, "options": {}}}
_SERVICE = {"service": {"name": "$new", "type": "x", "description": "d", "enabled": True}}
_REGION = {"region": {"id": "$new", "description": "d", "parent_region_id": "$region_id"}}
_ENDPOINT = {
    "endpoint": {
        "service_id": "$service_id",
        "interface": "public",
        "url": "http://127.0.0.1/%(tenant_id)s",
        "region_id": "$region_id",
        "enabled": True,
    }
}
_LOGIN = {
    "auth": {
        "identity": {
            "methods": ["password", "token"],
            "password": {
                "user": {
                    "id": "$user_id",
                    "name": "x",
                    "domain": {"id": "default"},
                    "password": "secret-1",
                }
            },
            "token": {"id": "$token"},
            "application_credential": {"id": "$application_credential_id", "secret": "s"},
        },
        "scope": {"project": {"id": "$project_id", "domain": {"name": "Default"}}},
    }
}
_CREDENTIAL = {
    "application_credential": {
        "name": "$new",
        "secret": "secret-1",
        "description": "d",
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "roles": [{"name": "member"}],
        "unrestricted": False,
        "access_rules": [{"path": "/v2.1/servers", "method": "GET", "service": "compute"}],
    }
}
_STOCK = {
    "total": 10,
    "reserved": 1,
    "min_unit": 1,
    "max_unit": 5,
    "step_size": 1,
    "allocation_ratio": 1.5,
}
_SHARES = {
    "allocations": {"$provider_id": {"resources": {"$resource_class": 1}}},
    "project_id": "$project_id",
    "user_id": "$user_id",
    "consumer_generation": None,
    "consumer_type": "INSTANCE",
    "mappings": {"": ["$provider_id"]},
}
_SERVER = {
    "server": {
        "name": "$new",
        "imageRef": "$boot_image_id",
        "flavorRef": "42",
        "adminPass": "secret-1",
        "metadata": {"a": "b"},
        "networks": [{"uuid": "$network_id", "fixed_ip": "10.9.0.77", "tag": "nic"}],
        "OS-DCF:diskConfig": "AUTO",
        "accessIPv4": "10.0.0.1",
        "accessIPv6": "fd00::1",
        "availability_zone": "nova",
        "block_device_mapping_v2": [
            {
                "uuid": "$boot_image_id",
                "source_type": "image",
                "destination_type": "local",
                "boot_index": 0,
                "delete_on_termination": True,
            }
        ],
        "config_drive": True,
        "key_name": "$keypair_name",
        "min_count": 1,
        "max_count": 1,
        "security_groups": [{"name": "default"}],
        "user_data": "IyEvYmluL3NoCg==",
        "description": "d",
        "tags": ["a"],
        "hostname": "one",
    },
    "os:scheduler_hints": {"group": "$server_group_id", "different_host": ["$server_id"]},
}
_QUOTA = {"quota_set": {"instances": 10, "cores": -1, "ram": "51200", "force": True}}
_FLAVOR = {
    "flavor": {
        "id": "auto",
        "name": "$new",
        "ram": 64,
        "vcpus": 1,
        "disk": 1,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "swap": 0,
        "rxtx_factor": 1.0,
        "os-flavor-access:is_public": False,
        "description": "d",
    }
}
_PATCH = [
    {"op": "replace", "path": "/name", "value": "$new"},
    {"op": "add", "path": "/tags", "value": ["a", "b"]},
    {"op": "add", "path": "/colour", "value": "red"},
    {"op": "replace", "path": "/min_ram", "value": 0},
    {"op": "replace", "path": "/visibility", "value": "shared"},
]
_IMAGE = {
    "name": "$new",
    "disk_format": "raw",
    "container_format": "bare",
    "visibility": "shared",
    "protected": False,
    "os_hidden": False,
    "min_disk": 0,
    "min_ram": 0,
    "tags": ["a"],
    "colour": "red",
    "owner": "$project_id",
}
_NETWORK = {
    "network": {
        "name": "$new",
        "description": "d",
        "admin_state_up": True,
        "mtu": 1400,
        "port_security_enabled": True,
        "shared": False,
        "router:external": False,
        "availability_zone_hints": [],
    }
}
_SUBNET = {
    "subnet": {
        "name": "$new",
        "network_id": "$network_id",
        "ip_version": 4,
        "cidr": "10.77.0.0/24",
        "gateway_ip": "10.77.0.1",
        "enable_dhcp": True,
        "allocation_pools": [{"start": "10.77.0.10", "end": "10.77.0.20"}],
        "dns_nameservers": ["10.77.0.2"],
        "host_routes": [{"destination": "10.78.0.0/24", "nexthop": "10.77.0.3"}],
        "description": "d",
    }
}
_PORT = {
    "port": {
        "name": "$new",
        "network_id": "$network_id",
        "admin_state_up": True,
        "mac_address": "fa:16:3e:77:77:77",
        "fixed_ips": [{"subnet_id": "$subnet_id", "ip_address": "10.9.0.99"}],
        "security_groups": ["$security_group_id"],
        "allowed_address_pairs": [{"ip_address": "10.9.0.98", "mac_address": "fa:16:3e:77:77:78"}],
        "extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}],
        "binding:vnic_type": "normal",
        "port_security_enabled": True,
        "device_id": "x",
        "device_owner": "x",
        "description": "d",
    }
}
_ROUTER = {
    "router": {
        "name": "$new",
        "admin_state_up": True,
        "description": "d",
        "external_gateway_info": {"network_id": "$external_id"},
    }
}
_FLOATING = {
    "floatingip": {
        "floating_network_id": "$external_id",
        "port_id": "$port_id",
        "fixed_ip_address": "10.9.0.5",
        "description": "d",
    }
}
_RULE = {
    "security_group_rule": {
        "security_group_id": "$security_group_id",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "tcp",
        "port_range_min": 1000,
        "port_range_max": 1010,
        "remote_ip_prefix": "10.0.0.0/8",
        "description": "d",
    }
}


def _without(body: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {one: {k: v for k, v in inner.items() if k not in keys} for one, inner in body.items()}


_I, _G, _P, _C, _N = "identity", "image", "placement", "compute", "network"
_SERVERS = "/v2.1/servers/{server_id}"
_AGGREGATE = "/v2.1/os-aggregates/{aggregate_id}"
_PROVIDER = "/resource_providers/{provider_id}"
BODIES: dict[Key, Any] = {
    (_I, "POST", "/v3/auth/tokens", ""): _LOGIN,
    (_I, "POST", "/v3/domains", ""): _DOMAIN,
    (_I, "PATCH", "/v3/domains/{domain_id}", ""): _DOMAIN,
    (_I, "POST", "/v3/projects", ""): _PROJECT,
    (_I, "PATCH", "/v3/projects/{project_id}", ""): _without(_PROJECT, "parent_id", "domain_id"),
    (_I, "PUT", "/v3/projects/{project_id}/tags", ""): {"tags": ["a", "b"]},
    (_I, "POST", "/v3/users", ""): _USER,
    (_I, "PATCH", "/v3/users/{user_id}", ""): _without(_USER, "domain_id"),
    (_I, "POST", "/v3/users/{user_id}/password", ""): {
        "user": {"password": "secret-2", "original_password": "secret-1"}
    },
    (_I, "POST", "/v3/groups", ""): _GROUP,
    (_I, "PATCH", "/v3/groups/{group_id}", ""): _without(_GROUP, "domain_id"),
    (_I, "POST", "/v3/roles", ""): _ROLE,
    (_I, "PATCH", "/v3/roles/{role_id}", ""): _without(_ROLE, "domain_id"),
    (_I, "POST", "/v3/users/{user_id}/application_credentials", ""): _CREDENTIAL,
    (_I, "POST", "/v3/services", ""): _SERVICE,
    (_I, "PATCH", "/v3/services/{service_id}", ""): _SERVICE,
    (_I, "POST", "/v3/regions", ""): _REGION,
    (_I, "PUT", "/v3/regions/{region_id}", ""): _without(_REGION, "id", "parent_region_id"),
    (_I, "PATCH", "/v3/regions/{region_id}", ""): _without(_REGION, "id", "parent_region_id"),
    (_I, "POST", "/v3/endpoints", ""): _ENDPOINT,
    (_I, "PATCH", "/v3/endpoints/{endpoint_id}", ""): _ENDPOINT,
    (_G, "POST", "/v2/images", ""): _IMAGE,
    (_G, "PATCH", "/v2/images/{image_id}", ""): _PATCH,
    (_G, "PUT", "/v2/images/{image_id}/file", ""): b"\x00" * 4096,
    (_G, "PUT", "/v2/images/{image_id}/stage", ""): b"\x00" * 4096,
    (_G, "POST", "/v2/images/{image_id}/import", ""): {"method": {"name": "glance-direct"}},
    (_G, "POST", "/v2/images/{image_id}/members", ""): {"member": "$other_project_id"},
    (_G, "PUT", "/v2/images/{image_id}/members/{member_id}", ""): {"status": "accepted"},
    (_P, "POST", "/resource_providers", ""): {
        "name": "$new",
        "uuid": "22222222-2222-2222-2222-222222222222",
        "parent_provider_uuid": "$provider_id",
    },
    (_P, "PUT", _PROVIDER, ""): {"name": "$new", "parent_provider_uuid": None},
    (_P, "PUT", _PROVIDER + "/inventories", ""): {
        "resource_provider_generation": 1,
        "inventories": {"$resource_class": _STOCK},
    },
    (_P, "POST", _PROVIDER + "/inventories", ""): _STOCK
    | {"resource_class": "DISK_GB", "resource_provider_generation": 1},
    (_P, "PUT", _PROVIDER + "/inventories/{resource_class}", ""): _STOCK
    | {"resource_provider_generation": 1},
    (_P, "PUT", _PROVIDER + "/traits", ""): {
        "resource_provider_generation": 1,
        "traits": ["$trait", "HW_CPU_X86_VMX"],
    },
    (_P, "POST", "/resource_classes", ""): {"name": "CUSTOM_NEW"},
    (_P, "PUT", _PROVIDER + "/aggregates", ""): {
        "resource_provider_generation": 1,
        "aggregates": ["33333333-3333-3333-3333-333333333333"],
    },
    (_P, "POST", "/allocations", ""): {"$consumer_id": _SHARES},
    (_P, "PUT", "/allocations/{consumer_id}", ""): _SHARES,
    (_P, "POST", "/reshaper", ""): {
        "inventories": {
            "$provider_id": {
                "inventories": {"$resource_class": _STOCK},
                "resource_provider_generation": 1,
            }
        },
        "allocations": {"$consumer_id": _SHARES},
    },
    (_C, "POST", "/v2.1/flavors", ""): _FLAVOR,
    (_C, "PUT", "/v2.1/flavors/{flavor_id}", ""): {"flavor": {"description": "d"}},
    (_C, "POST", "/v2.1/flavors/{flavor_id}/os-extra_specs", ""): {
        "extra_specs": {"hw:cpu_policy": "shared"}
    },
    (_C, "PUT", "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}", ""): {"$extra_spec": "b"},
    (_C, "POST", "/v2.1/flavors/{flavor_id}/action", "addTenantAccess"): {
        "addTenantAccess": {"tenant": "$project_id"}
    },
    (_C, "POST", "/v2.1/flavors/{flavor_id}/action", "removeTenantAccess"): {
        "removeTenantAccess": {"tenant": "$project_id"}
    },
    (_C, "POST", "/v2.1/os-keypairs", ""): {
        "keypair": {
            "name": "$new",
            "public_key": "$public_key",
            "type": "ssh",
            "user_id": "$user_id",
        }
    },
    (_C, "POST", "/v2.1/os-server-groups", ""): {
        "server_group": {
            "name": "$new",
            "policy": "anti-affinity",
            "rules": {"max_server_per_host": 2},
        }
    },
    (_C, "POST", "/v2.1/os-aggregates", ""): {
        "aggregate": {"name": "$new", "availability_zone": None}
    },
    (_C, "PUT", _AGGREGATE, ""): {"aggregate": {"name": "$new", "availability_zone": "nova"}},
    (_C, "POST", _AGGREGATE + "/action", "add_host"): {"add_host": {"host": "host-1"}},
    (_C, "POST", _AGGREGATE + "/action", "remove_host"): {"remove_host": {"host": "host-1"}},
    (_C, "POST", _AGGREGATE + "/action", "set_metadata"): {
        "set_metadata": {"metadata": {"ssd": "true", "gone": None}}
    },
    (_C, "PUT", "/v2.1/os-quota-sets/{project_id}", ""): _QUOTA,
    (_C, "PUT", "/v2.1/os-quota-class-sets/{class_id}", ""): {
        "quota_class_set": {"instances": 100, "cores": 200}
    },
    (_C, "PUT", "/v2.1/os-services/{service_id}", ""): {
        "status": "enabled",
        "forced_down": False,
    },
    (_C, "POST", "/v2.1/servers", ""): _SERVER,
    (_C, "PUT", _SERVERS, ""): {
        "server": {
            "name": "$new",
            "description": "d",
            "hostname": "two",
            "accessIPv4": "10.0.0.2",
            "accessIPv6": "",
            "OS-DCF:diskConfig": "MANUAL",
        }
    },
    (_C, "POST", _SERVERS + "/action", "forceDelete"): {"forceDelete": None},
    (_C, "POST", _SERVERS + "/action", "lock"): {"lock": {"locked_reason": "r"}},
    (_C, "POST", _SERVERS + "/action", "unlock"): {"unlock": None},
    (_C, "POST", _SERVERS + "/action", "addSecurityGroup"): {"addSecurityGroup": {"name": "g"}},
    (_C, "POST", _SERVERS + "/action", "removeSecurityGroup"): {
        "removeSecurityGroup": {"name": "g"}
    },
    (_C, "POST", _SERVERS + "/action", "os-resetState"): {"os-resetState": {"state": "active"}},
    (_C, "POST", _SERVERS + "/action", "os-start"): {"os-start": None},
    (_C, "POST", _SERVERS + "/action", "os-stop"): {"os-stop": None},
    (_C, "POST", _SERVERS + "/action", "reboot"): {"reboot": {"type": "SOFT"}},
    (_C, "POST", _SERVERS + "/action", "pause"): {"pause": None},
    (_C, "POST", _SERVERS + "/action", "unpause"): {"unpause": None},
    (_C, "POST", _SERVERS + "/action", "shelve"): {"shelve": None},
    (_C, "POST", _SERVERS + "/action", "shelveOffload"): {"shelveOffload": None},
    (_C, "POST", _SERVERS + "/action", "unshelve"): {"unshelve": {"availability_zone": "nova"}},
    (_C, "POST", _SERVERS + "/action", "rescue"): {
        "rescue": {"adminPass": "secret", "rescue_image_ref": "$boot_image_id"}
    },
    (_C, "POST", _SERVERS + "/action", "unrescue"): {"unrescue": None},
    (_C, "POST", _SERVERS + "/os-interface", ""): {
        "interfaceAttachment": {
            "net_id": "$network_id",
            "fixed_ips": [{"ip_address": "10.9.0.44"}],
            "tag": "t",
        }
    },
    (_C, "POST", _SERVERS + "/action", "suspend"): {"suspend": None},
    (_C, "POST", _SERVERS + "/action", "resume"): {"resume": None},
    (_C, "POST", _SERVERS + "/action", "createImage"): {
        "createImage": {"name": "$new", "metadata": {"a": "b"}}
    },
    (_C, "POST", _SERVERS + "/action", "createBackup"): {
        "createBackup": {
            "name": "$new",
            "backup_type": "daily",
            "rotation": 1,
            "metadata": {"a": "b"},
        }
    },
    (_C, "POST", _SERVERS + "/action", "rebuild"): {
        "rebuild": {
            "imageRef": "$boot_image_id",
            "name": "$new",
            "adminPass": "secret",
            "metadata": {"a": "b"},
            "preserve_ephemeral": False,
            "OS-DCF:diskConfig": "AUTO",
            "accessIPv4": "10.0.0.3",
            "accessIPv6": "",
            "description": "d",
            "key_name": None,
            "user_data": "IyEvYmluL3No",
            "hostname": "three",
        }
    },
    (_C, "POST", _SERVERS + "/action", "resize"): {
        "resize": {"flavorRef": "1", "OS-DCF:diskConfig": "AUTO"}
    },
    (_C, "POST", _SERVERS + "/action", "confirmResize"): {"confirmResize": None},
    (_C, "POST", _SERVERS + "/action", "migrate"): {"migrate": {"host": "host-1"}},
    (_C, "POST", _SERVERS + "/action", "evacuate"): {
        "evacuate": {"host": "host-1", "adminPass": "secret"}
    },
    (_C, "POST", _SERVERS + "/action", "os-migrateLive"): {
        "os-migrateLive": {"host": None, "block_migration": "auto"}
    },
    (_C, "POST", _SERVERS + "/action", "revertResize"): {"revertResize": None},
    (_C, "POST", _SERVERS + "/action", "os-getConsoleOutput"): {
        "os-getConsoleOutput": {"length": 10}
    },
    (_C, "POST", _SERVERS + "/metadata", ""): {"metadata": {"a": "b"}},
    (_C, "PUT", _SERVERS + "/metadata", ""): {"metadata": {"$meta_key": "b"}},
    (_C, "PUT", _SERVERS + "/metadata/{key}", ""): {"meta": {"$meta_key": "c"}},
    (_C, "PUT", _SERVERS + "/tags", ""): {"tags": ["$server_tag", "b"]},
    (_N, "POST", "/v2.0/networks", ""): _NETWORK,
    (_N, "PUT", "/v2.0/networks/{id}", ""): _without(_NETWORK, "availability_zone_hints"),
    (_N, "POST", "/v2.0/subnets", ""): _SUBNET,
    (_N, "PUT", "/v2.0/subnets/{id}", ""): _without(
        _SUBNET, "network_id", "ip_version", "cidr", "gateway_ip", "allocation_pools"
    ),
    (_N, "POST", "/v2.0/ports", ""): _PORT,
    (_N, "PUT", "/v2.0/ports/{id}", ""): _without(_PORT, "network_id", "mac_address"),
    (_N, "POST", "/v2.0/routers", ""): _ROUTER,
    (_N, "PUT", "/v2.0/routers/{id}", ""): {
        "router": {
            "name": "$new",
            "routes": [{"destination": "10.5.0.0/24", "nexthop": "10.9.0.4"}],
        }
    },
    (_N, "PUT", "/v2.0/routers/{id}/add_router_interface", ""): {"subnet_id": "$subnet_id"},
    (_N, "PUT", "/v2.0/routers/{id}/remove_router_interface", ""): {"subnet_id": "$subnet_id"},
    (_N, "POST", "/v2.0/floatingips", ""): _FLOATING,
    (_N, "PUT", "/v2.0/floatingips/{id}", ""): _without(_FLOATING, "floating_network_id"),
    (_N, "POST", "/v2.0/security-groups", ""): {
        "security_group": {"name": "$new", "description": "d", "stateful": True}
    },
    (_N, "PUT", "/v2.0/security-groups/{id}", ""): {
        "security_group": {"name": "$new", "description": "d"}
    },
    (_N, "POST", "/v2.0/security-group-rules", ""): _RULE,
    (_N, "PUT", "/v2.0/quotas/{project_id}", ""): {"quota": {"network": 50, "port": "-1"}},
}
for _many in ("networks", "subnets", "ports", "routers", "floatingips", "security-groups"):
    BODIES[_N, "PUT", f"/v2.0/{_many}/{{id}}/tags", ""] = {"tags": ["a", "b"]}

# Routes that change something and read no body at all, by a pattern of their paths.
BODILESS = {
    r"PUT .*/roles/\{role_id\}(/inherited_to_projects)?": "the path says who gets which role",
    r"PUT /v3/roles/\{role_id\}/implies/\{implied_role_id\}": "the path names both roles",
    r"PUT /v3/groups/\{group_id\}/users/\{user_id\}": "the path names both",
    r"PUT .*/tags/\{tag\}": "the path names the tag",
    r"POST /v2/images/\{image_id\}/actions/(deactivate|reactivate)": "the path names the action",
    r"PUT /traits/\{name\}": "the path names the trait",
    r"PUT /resource_classes/\{name\}": "the path names the class; before 1.7 a body renames it",
}


def sample(service: Service, route: Route) -> Any:
    """The good body of a route; None where it reads none. Raises KeyError where none is known."""
    key = (service.type, route.method, route.path, route.action)
    if key in BODIES:
        return BODIES[key]
    if route.method in ("GET", "HEAD", "DELETE"):
        return None
    if any(re.fullmatch(p, f"{route.method} {route.path}") for p in BODILESS):
        return None
    raise KeyError(f"{service.type} {route.method} {route.path} {route.action}")
