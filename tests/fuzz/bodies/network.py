"""Good bodies of the network API."""

from typing import Any

from . import Key, without

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

BODIES: dict[Key, Any] = {
    ("POST", "/v2.0/networks", ""): _NETWORK,
    ("PUT", "/v2.0/networks/{id}", ""): without(_NETWORK, "availability_zone_hints"),
    ("POST", "/v2.0/subnets", ""): _SUBNET,
    ("PUT", "/v2.0/subnets/{id}", ""): without(
        _SUBNET, "network_id", "ip_version", "cidr", "gateway_ip", "allocation_pools"
    ),
    ("POST", "/v2.0/ports", ""): _PORT,
    ("PUT", "/v2.0/ports/{id}", ""): without(_PORT, "network_id", "mac_address"),
    ("POST", "/v2.0/routers", ""): _ROUTER,
    ("PUT", "/v2.0/routers/{id}", ""): {
        "router": {
            "name": "$new",
            "routes": [{"destination": "10.5.0.0/24", "nexthop": "10.9.0.4"}],
        }
    },
    ("PUT", "/v2.0/routers/{id}/add_router_interface", ""): {"subnet_id": "$subnet_id"},
    ("PUT", "/v2.0/routers/{id}/remove_router_interface", ""): {"subnet_id": "$subnet_id"},
    ("POST", "/v2.0/floatingips", ""): _FLOATING,
    ("PUT", "/v2.0/floatingips/{id}", ""): without(_FLOATING, "floating_network_id"),
    ("POST", "/v2.0/security-groups", ""): {
        "security_group": {"name": "$new", "description": "d", "stateful": True}
    },
    ("PUT", "/v2.0/security-groups/{id}", ""): {
        "security_group": {"name": "$new", "description": "d"}
    },
    ("POST", "/v2.0/security-group-rules", ""): _RULE,
    ("PUT", "/v2.0/quotas/{project_id}", ""): {"quota": {"network": 50, "port": "-1"}},
}
for _many in ("networks", "subnets", "ports", "routers", "floatingips", "security-groups"):
    BODIES["PUT", f"/v2.0/{_many}/{{id}}/tags", ""] = {"tags": ["a", "b"]}
