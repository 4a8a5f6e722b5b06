"""The policy rules of the network service, under Neutron's names and with its defaults."""

from ..core.policy import Rule

_READER = "rule:admin_only or (role:reader and project_id:%(project_id)s)"
_MEMBER = "rule:admin_only or (role:member and project_id:%(project_id)s)"
_ADMIN = "rule:admin_only"
_NETWORK_OWNER = "rule:admin_only or (role:member and rule:network_owner)"
_PORT_OWNER = f"{_MEMBER} or (role:member and rule:network_owner)"
_PORT_READER = f"{_READER} or (role:reader and rule:network_owner)"

_DEFAULTS: dict[str, str] = {
    "context_is_admin": "role:admin",
    "admin_only": "rule:context_is_admin",
    "network_owner": "project_id:%(network:tenant_id)s",
    "shared": "'True':%(shared)s",
    "external": "'True':%(external)s",
    "create_network": _MEMBER,
    "get_network": f"{_READER} or rule:shared or rule:external",
    "update_network": _MEMBER,
    "delete_network": _MEMBER,
    "create_subnet": _NETWORK_OWNER,
    "get_subnet": f"{_READER} or rule:shared",
    "update_subnet": _PORT_OWNER,
    "delete_subnet": _PORT_OWNER,
    "create_subnet:service_types": _ADMIN,
    "update_subnet:service_types": _ADMIN,
    "create_port": _MEMBER,
    "get_port": _PORT_READER,
    "update_port": _MEMBER,
    "delete_port": _PORT_OWNER,
    "create_router": _MEMBER,
    "get_router": _READER,
    "update_router": _MEMBER,
    "delete_router": _MEMBER,
    "add_router_interface": _MEMBER,
    "remove_router_interface": _MEMBER,
    "create_router:external_gateway_info:enable_snat": _ADMIN,
    "create_router:external_gateway_info:external_fixed_ips": _ADMIN,
    "update_router:external_gateway_info:enable_snat": _ADMIN,
    "update_router:external_gateway_info:external_fixed_ips": _ADMIN,
    "get_router:ha": _ADMIN,
    "get_router:distributed": _ADMIN,
    "create_floatingip": _MEMBER,
    "create_floatingip:floating_ip_address": _ADMIN,
    "get_floatingip": _READER,
    "update_floatingip": _MEMBER,
    "delete_floatingip": _MEMBER,
    "create_security_group": _MEMBER,
    "get_security_group": _READER,
    "update_security_group": _MEMBER,
    "delete_security_group": _MEMBER,
    "create_security_group_rule": _MEMBER,
    "get_security_group_rule": _READER,
    "delete_security_group_rule": _MEMBER,
    "get_quota": _ADMIN,
    "update_quota": _ADMIN,
    "delete_quota": _ADMIN,
    "get_agent": _ADMIN,
    "get_availability_zone": "@",
    "get_network_ip_availability": _ADMIN,
}
_FOR_ADMINS: dict[str, tuple[str, ...]] = {
    "network": (
        "shared",
        "router:external",
        "is_default",
        "provider:network_type",
        "provider:physical_network",
        "provider:segmentation_id",
    ),
    "port": ("binding:host_id", "binding:profile"),
}
_SHOWN_TO_ADMINS = (
    "get_network:provider:network_type",
    "get_network:provider:physical_network",
    "get_network:provider:segmentation_id",
    "get_port:binding:host_id",
    "get_port:binding:profile",
    "get_port:binding:vif_type",
    "get_port:binding:vif_details",
)
# What an owner of the network may set on ports there, others' networks being for their owners.
_OF_NETWORK_OWNERS = (
    "create_port:device_owner",
    "create_port:mac_address",
    "create_port:fixed_ips:ip_address",
    "create_port:port_security_enabled",
    "create_port:allowed_address_pairs",
    "update_port:device_owner",
    "update_port:fixed_ips:ip_address",
    "update_port:port_security_enabled",
    "update_port:allowed_address_pairs",
)


def rules() -> tuple[Rule, ...]:
    """Every rule of the service."""
    found = dict(_DEFAULTS)
    for noun, names in _FOR_ADMINS.items():
        for verb in ("create", "update"):
            found |= {f"{verb}_{noun}:{name}": _ADMIN for name in names}
    found |= dict.fromkeys(_SHOWN_TO_ADMINS, _ADMIN)
    found |= dict.fromkeys(_OF_NETWORK_OWNERS, _NETWORK_OWNER)
    found["update_port:mac_address"] = _ADMIN
    return tuple(Rule(name, check) for name, check in found.items())
