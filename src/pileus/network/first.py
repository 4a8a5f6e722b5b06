"""What the network service has at a first start: the external network."""

import ipaddress

from ..config import Config
from ..core.db import Tx
from ..core.ids import derived
from ..core.parts import Parts
from . import topology
from .allocate import default_pools
from .rows import Network, Subnet

PUBLIC = "public"


def first_start(tx: Tx, parts: Parts) -> None:
    """Make the external network `public` with its subnet, unless it is there."""
    config = parts[Config]
    network_id = derived("first network", config.seed, PUBLIC)
    if tx.get(Network, network_id) is not None:
        return
    net = ipaddress.ip_network(config.external_cidr)
    gateway = ipaddress.ip_address(config.external_gateway)
    tx.add(
        Network(
            id=network_id,
            name=PUBLIC,
            external=True,
            is_default=True,
            mtu=1500,
            network_type="flat",
            physical_network=PUBLIC,
            port_security_enabled=False,
        )
    )
    tx.add(
        Subnet(
            id=derived("first subnet", config.seed, PUBLIC),
            name="public-subnet",
            network_id=network_id,
            ip_version=net.version,
            cidr=str(net),
            gateway_ip=str(gateway),
            enable_dhcp=False,
            allocation_pools=default_pools(str(net), str(gateway)),
        )
    )
    topology.mark(tx, "switch", network_id)
