"""network_data.json: how a guest is to set up its interfaces."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from .. import network

_METADATA = "169.254.169.254"


def network_data(nics: Sequence[network.NicInfo]) -> dict[str, Any]:
    """Links, addresses and name servers in OpenStack's form, which cloud-init reads."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: dict[str, dict[str, str]] = {}
    for nic in nics:
        link = f"tap{nic.port_id[:11]}"
        links.append(
            {
                "id": link,
                "vif_id": nic.port_id,
                "type": "ovs",
                "mtu": nic.mtu,
                "ethernet_mac_address": nic.mac,
            }
        )
        for address in nic.addresses:
            servers = [{"type": "dns", "address": ip} for ip in address.dns]
            services.update({ip: {"type": "dns", "address": ip} for ip in address.dns})
            networks.append(_network(f"network{len(networks)}", link, nic, address, servers))
    return {"links": links, "networks": networks, "services": list(services.values())}


def _network(
    name: str, link: str, nic: network.NicInfo, address: Any, servers: list[dict[str, str]]
) -> dict[str, Any]:
    inside = ipaddress.ip_interface(f"{address.ip}/{address.prefix}")
    routes = [_route(cidr, hop) for cidr, hop in address.host_routes]
    if address.metadata_ip and inside.version == 4:
        # DHCP would tell it too, but a guest that is set up from here does not ask by DHCP.
        routes.append(_route(f"{_METADATA}/32", address.metadata_ip))
    if address.gateway:
        routes.insert(0, _route("0.0.0.0/0" if inside.version == 4 else "::/0", address.gateway))
    return {
        "id": name,
        "type": f"ipv{inside.version}",
        "link": link,
        "ip_address": address.ip,
        "netmask": str(inside.netmask),
        "routes": routes,
        "network_id": nic.network_id,
        "services": servers,
    }


def _route(cidr: str, gateway: str) -> dict[str, str]:
    found = ipaddress.ip_network(cidr, strict=False)
    return {
        "network": str(found.network_address),
        "netmask": str(found.netmask),
        "gateway": gateway,
    }
