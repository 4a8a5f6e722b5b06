"""What goes when a user, a project or a role goes: all that identity holds because of it."""

import sqlalchemy as sa

from ..core.db import Tx
from .credential import Credential
from .rows import (
    ApplicationCredential,
    Assignment,
    Group,
    Implication,
    Member,
    Project,
    ProjectTag,
    Role,
    User,
)


def of_user(tx: Tx, user: User) -> None:
    """Remove what is a user's."""
    tx.remove_where(Assignment, actor_id=user.id)
    tx.remove_where(Member, user_id=user.id)
    tx.remove_where(ApplicationCredential, user_id=user.id)
    tx.remove_where(Credential, user_id=user.id)


def of_project(tx: Tx, project: Project) -> None:
    """Remove what is a project's."""
    tx.remove_where(Assignment, target_id=project.id)
    tx.remove_where(ApplicationCredential, project_id=project.id)
    tx.remove_where(Credential, project_id=project.id)
    tx.remove_where(ProjectTag, project_id=project.id)
    tx.set(User, User.default_project_id == project.id, default_project_id=None)


def of_group(tx: Tx, group: Group) -> None:
    """Remove what is a group's."""
    tx.remove_where(Member, group_id=group.id)
    tx.remove_where(Assignment, actor_id=group.id)


def of_role(tx: Tx, role: Role) -> None:
    """Take a role away from everybody and everything that has it."""
    tx.remove_where(Assignment, role_id=role.id)
    tx.remove_where(
        Implication,
        sa.or_(Implication.prior_role_id == role.id, Implication.implied_role_id == role.id),
    )
