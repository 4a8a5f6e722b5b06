"""Metrics under the openstack-exporter's names."""

from collections.abc import Iterable

import sqlalchemy as sa

from ..core.db import Tx
from ..core.metrics import Sample
from ..core.resource import Resource
from .rows import Domain, Group, Project, Region, User


def samples(tx: Tx) -> Iterable[Sample]:
    """How many of each there are, and a line for every domain and project: three queries."""
    counted: dict[str, type[Resource]] = {
        "domains": Domain,
        "users": User,
        "groups": Group,
        "projects": Project,
        "regions": Region,
    }
    columns = [
        sa.select(sa.func.count()).select_from(cls.table).scalar_subquery()
        for cls in counted.values()
    ]
    numbers = tx.execute(sa.select(*columns)).one()
    yield Sample("openstack_identity_up", 1.0, help="Whether the identity service answers")
    for name, number in zip(counted, numbers, strict=True):
        yield Sample(f"openstack_identity_{name}", float(number), help=f"The number of {name}")
    for domain in tx.all(Domain, order=[Domain.id]):
        labels = {
            "description": domain.description or "",
            "enabled": str(domain.enabled).lower(),
            "id": domain.id,
            "name": domain.name,
        }
        yield Sample("openstack_identity_domain_info", 1.0, labels, "A domain")
    for project in tx.all(Project, order=[Project.id]):
        labels = {
            "description": project.description or "",
            "domain_id": project.domain_id,
            "enabled": str(project.enabled).lower(),
            "id": project.id,
            "is_domain": "false",
            "name": project.name,
            "parent_id": project.parent_id,
            "tags": "",
        }
        yield Sample("openstack_identity_project_info", 1.0, labels, "A project")
