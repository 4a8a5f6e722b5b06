"""What goes when a user, a project or a role goes: all that identity holds because of it."""

import sqlalchemy as sa

from ..core.db import Tx
from .credential import Credential
from .federation import shadow
from .federation.rows import ExpiringMember
from .ldap import domain_config, read_only
from .limit import Limit
from .oauth1 import AccessToken, RequestToken
from .password_rules import OldPassword
from .registered_limit import RegisteredLimit
from .rows import (
    AccessRule,
    ApplicationCredential,
    Assignment,
    CatalogService,
    Domain,
    Endpoint,
    Group,
    Implication,
    Member,
    Project,
    ProjectTag,
    Region,
    Role,
    User,
)
from .rows_catalog import PolicyAssociation, ProjectEndpoint, ProjectEndpointGroup
from .trust import Trust, TrustRole
from .trust import drop as drop_trusts


def of_user(tx: Tx, user: User) -> None:
    """Remove what is a user's."""
    tx.remove_where(Assignment, actor_id=user.id)
    tx.remove_where(Member, user_id=user.id)
    tx.remove_where(ApplicationCredential, user_id=user.id)
    tx.remove_where(AccessRule, user_id=user.id)
    tx.remove_where(OldPassword, user_id=user.id)
    tx.remove_where(Credential, user_id=user.id)
    shadow.forget(tx, user.id)
    read_only.forget(tx, user.id)
    tx.remove_where(RequestToken, user_id=user.id)
    tx.remove_where(AccessToken, authorizing_user_id=user.id)
    lent = sa.or_(Trust.trustor_user_id == user.id, Trust.trustee_user_id == user.id)
    drop_trusts(tx, tx.all(Trust, lent))


def of_project(tx: Tx, project: Project) -> None:
    """Remove what is a project's."""
    tx.remove_where(Assignment, target_id=project.id)
    tx.remove_where(ApplicationCredential, project_id=project.id)
    tx.remove_where(Credential, project_id=project.id)
    tx.remove_where(RequestToken, project_id=project.id)
    tx.remove_where(AccessToken, project_id=project.id)
    drop_trusts(tx, tx.all(Trust, project_id=project.id))
    tx.remove_where(Limit, holder=project.id)
    tx.remove_where(ProjectTag, project_id=project.id)
    tx.remove_where(ProjectEndpoint, project_id=project.id)
    tx.remove_where(ProjectEndpointGroup, project_id=project.id)
    tx.set(User, User.default_project_id == project.id, default_project_id=None)


def of_domain(tx: Tx, domain: Domain) -> None:
    """Remove what is a domain's, once what is in it has gone."""
    tx.remove_where(Assignment, target_id=domain.id)
    tx.remove_where(Limit, holder=domain.id)
    domain_config.forget(tx, domain.id)


def of_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    """Take an endpoint out of projects' catalogs and away from its policy."""
    tx.remove_where(ProjectEndpoint, endpoint_id=endpoint.id)
    tx.remove_where(PolicyAssociation, endpoint_id=endpoint.id)


def of_service(tx: Tx, service: CatalogService) -> None:
    """Remove a service's endpoints, limits and policies."""
    for endpoint in tx.all(Endpoint, service_id=service.id):
        of_endpoint(tx, endpoint)
        tx.remove(endpoint)
    tx.remove_where(PolicyAssociation, service_id=service.id)
    tx.remove_where(Limit, service_id=service.id)
    tx.remove_where(RegisteredLimit, service_id=service.id)


def of_region(tx: Tx, region: Region) -> None:
    """Remove the limits and policies of a region."""
    tx.remove_where(PolicyAssociation, region_id=region.id)
    tx.remove_where(Limit, region_id=region.id)
    tx.remove_where(RegisteredLimit, region_id=region.id)


def of_policy(tx: Tx, policy_id: str) -> None:
    """Take a policy away from what it is for."""
    tx.remove_where(PolicyAssociation, policy_id=policy_id)


def of_group(tx: Tx, group: Group) -> None:
    """Remove what is a group's."""
    tx.remove_where(Member, group_id=group.id)
    tx.remove_where(ExpiringMember, group_id=group.id)
    tx.remove_where(Assignment, actor_id=group.id)
    read_only.forget(tx, group.id)


def of_role(tx: Tx, role: Role) -> None:
    """Take a role away from everybody and everything that has it."""
    tx.remove_where(Assignment, role_id=role.id)
    trusts = [one.trust_id for one in tx.all(TrustRole, role_id=role.id)]
    drop_trusts(tx, tx.all(Trust, id=trusts))
    tx.remove_where(
        Implication,
        sa.or_(Implication.prior_role_id == role.id, Implication.implied_role_id == role.id),
    )
