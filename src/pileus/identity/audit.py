"""What must be true of the identity service's rows."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..core.audit import Invariant, Violation
from ..core.db import Tx
from ..core.parts import Parts
from ..core.resource import Resource
from .credential import Credential
from .limit import Limit
from .oauth1 import AccessToken, RequestToken
from .rows import Assignment, Domain, Endpoint, Group, Project, User
from .trust import Trust, drop


def _assigned(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    kinds: tuple[tuple[str, sa.Column[str], sa.Column[str], type[Resource]], ...] = (
        ("user", Assignment.actor, Assignment.actor_id, User),
        ("group", Assignment.actor, Assignment.actor_id, Group),
        ("project", Assignment.target, Assignment.target_id, Project),
        ("domain", Assignment.target, Assignment.target_id, Domain),
    )
    for word, kind, key, cls in kinds:
        there = sa.exists().where(cls.table.c.id == key)
        for row in tx.all(Assignment, kind == word, ~there):
            gone = row.actor_id if kind is Assignment.actor else row.target_id
            yield Violation(
                f"role {row.role_id} is assigned, but the {word} {gone} is gone",
                "the assignment is removed",  # ids are never used twice: nobody comes back to it
                partial(Tx.remove, thing=row),
            )


def _trees(_parts: Parts, tx: Tx) -> Iterable[str]:
    above = Project.table.alias()
    there = sa.exists().where(above.c.id == Project.parent_id)
    inside = sa.exists().where(
        above.c.id == Project.parent_id, above.c.domain_id == Project.domain_id
    )
    for row in tx.all(Project, Project.parent_id != Project.domain_id, ~there):
        yield f"project {row.id}: its parent {row.parent_id} is gone"
    for row in tx.all(Project, Project.parent_id != Project.domain_id, there, ~inside):
        yield f"project {row.id}: its parent {row.parent_id} is in another domain"


def _endpoints(_parts: Parts, tx: Tx) -> Iterable[str]:
    for row in tx.all(Endpoint, Endpoint.interface.not_in(["public", "internal", "admin"])):
        yield f"endpoint {row.id} has the interface {row.interface!r}"


def _owned(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    held: tuple[tuple[type[Resource], sa.Column[Any], type[Resource]], ...] = (
        (Credential, Credential.user_id, User),
        (Credential, Credential.project_id, Project),
        (Trust, Trust.trustor_user_id, User),
        (Trust, Trust.trustee_user_id, User),
        (Trust, Trust.project_id, Project),
        (Trust, Trust.redelegated_trust_id, Trust),
        (Limit, Limit.project_id, Project),
        (Limit, Limit.domain_id, Domain),
        (AccessToken, AccessToken.authorizing_user_id, User),
        (AccessToken, AccessToken.project_id, Project),
        (RequestToken, RequestToken.project_id, Project),
    )
    for cls, key, owner in held:
        there = sa.exists().where(owner.table.alias().c.id == key)
        for row in tx.all(cls, key.is_not(None), ~there):
            yield Violation(
                f"{cls.one} {vars(row)['id']}: its {key.name} {vars(row)[key.name]} is gone",
                f"the {cls.one.replace('_', ' ')} is removed",
                partial(_remove, row=row),
            )


def _remove(tx: Tx, row: Resource) -> None:
    if isinstance(row, Trust):
        drop(tx, [row])
    else:
        tx.remove(row)


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I6", "Every role assignment has its actor and its target.", _assigned),
    Invariant("identity.owned", "What users, projects and domains hold has its holder.", _owned),
    Invariant("identity.trees", "Every project's parent is in its domain.", _trees),
    Invariant("identity.endpoints", "Every endpoint has a known interface.", _endpoints),
)
