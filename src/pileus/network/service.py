"""The network service as the wire sees it."""

from ..wire import faults, pages
from ..wire.service import Service
from . import discovery, interfaces, quota_api, standing
from .floating_ips import FLOATING_IPS
from .group_rules import GROUP_RULES
from .groups import GROUPS
from .networks import NETWORKS
from .ports import PORTS
from .routers import ROUTERS
from .rules import rules
from .subnets import SUBNETS

SERVICE = Service(
    type="network",
    name="neutron",
    path="/network",
    routes=(
        *discovery.ROUTES,
        *NETWORKS.routes(),
        *SUBNETS.routes(),
        *PORTS.routes(),
        *ROUTERS.routes(),
        *interfaces.ROUTES,
        *FLOATING_IPS.routes(),
        *GROUPS.routes(),
        *GROUP_RULES.routes(),
        *quota_api.ROUTES,
        *standing.ROUTES,
    ),
    faults=faults.network,
    page=pages.links,
    rules=rules(),
)
