"""How much a project may have of each kind of resource, counted from rows."""

from collections.abc import Mapping

from ..core import quota
from ..core.db import Tx
from ..core.resource import Resource
from .rows import (
    METADATA,
    FloatingIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)

SERVICE = "network"
DEFAULTS: Mapping[str, int] = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "security_group": 10,
    "security_group_rule": 100,
    "rbac_policy": 10,
}
COUNTED: Mapping[str, type[Resource]] = {
    "network": Network,
    "subnet": Subnet,
    "port": Port,
    "router": Router,
    "floatingip": FloatingIp,
    "security_group": SecurityGroup,
    "security_group_rule": SecurityGroupRule,
}


def used(tx: Tx, project_id: str, name: str) -> int:
    """How many of a resource the project has. Metadata ports are nobody's wish and not counted."""
    cls = COUNTED.get(name)
    if cls is None:
        return 0
    where = [cls.table.c.project_id == project_id]
    if cls is Port:
        where.append(Port.device_owner != METADATA)
    return tx.count(cls, *where)


def claim(tx: Tx, project_id: str, name: str, amount: int = 1) -> None:
    """Make sure that the project may have `amount` more. Raises OverQuota."""
    quota.guard(tx, project_id)
    limits = quota.limits(tx, SERVICE, project_id, DEFAULTS)
    if limits[name] >= 0:
        quota.check({name: amount}, {name: used(tx, project_id, name)}, limits)
