"""The security group that every project has from its first use on."""

from ..core.db import Tx
from ..core.ids import derived
from . import topology
from .rows import SecurityGroup, SecurityGroupRule


def default_group_id(project_id: str) -> str:
    """The id of a project's default group: derived, so that two requests cannot make two."""
    return derived("default security group", project_id)


def default_group(tx: Tx, project_id: str) -> str:
    """The id of the project's default group, which is made where it is missing.

    It lets everything out, and everything in that comes from its own members.
    """
    group_id = default_group_id(project_id)
    if tx.get(SecurityGroup, group_id) is None:
        tx.add(
            SecurityGroup(
                id=group_id,
                project_id=project_id,
                name="default",
                description="Default security group",
            )
        )
        allow_out(tx, group_id, project_id)
        for ethertype in ("IPv4", "IPv6"):
            tx.add(
                SecurityGroupRule(
                    project_id=project_id,
                    security_group_id=group_id,
                    direction="ingress",
                    ethertype=ethertype,
                    remote_group_id=group_id,
                )
            )
        topology.mark(tx, "security_group", group_id)
    return group_id


def allow_out(tx: Tx, group_id: str, project_id: str) -> None:
    """The rules of every new group: all that goes out may."""
    for ethertype in ("IPv4", "IPv6"):
        tx.add(
            SecurityGroupRule(
                project_id=project_id,
                security_group_id=group_id,
                direction="egress",
                ethertype=ethertype,
            )
        )
