"""The rows of the identity service.

Users, groups, projects and roles may carry keys of the client's own (`email`, say), which the API
keeps and gives back: they stand in `extra`.
"""

import sqlalchemy as sa

from ..core.resource import Resource, attr, new_hex
from ..core.types import Bool, Field, Int, Json, ListOf, Object, Text, When

_Id = Text(64, 1)
# With `immutable` set a thing is neither changed nor deleted until it is unset again.
_OPTIONS = Object({"immutable": Field(Bool(), null=True)})
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


class Free:
    """Keys that a client made up."""

    extra = attr(Json(), default={}, show=False)


class Domain(Free, Resource):
    """A container of projects, users and groups, with names of its own."""

    one, many, table_name = "domain", "domains", "identity_domains"
    constraints = (sa.UniqueConstraint("name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(64, 1), create="required", update=True, filter=True, sort=True)
    description = attr(Text(65535), null=True, default="", create=True, update=True)
    enabled = attr(Bool(), default=True, create=True, update=True, filter=True)
    tags = attr(ListOf(Text(255, 1), 80), default=[], create=True, update=True)
    options = attr(_OPTIONS, default={}, create=True, update=True)


class Project(Free, Resource):
    """What owns resources. `parent_id` is its domain's id or another project's."""

    one, many, table_name = "project", "projects", "identity_projects"
    constraints = (sa.UniqueConstraint("domain_id", "name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(64, 1), create="required", update=True, filter=True, sort=True)
    domain_id = attr(_Id, references="identity_domains.id", create=True, filter=True, index=True)
    description = attr(Text(65535), null=True, default="", create=True, update=True)
    enabled = attr(Bool(), default=True, create=True, update=True, filter=True)
    parent_id = attr(_Id, create=True, filter=True, index=True)
    is_domain = attr(Bool(), default=False, create=True)
    options = attr(_OPTIONS, default={}, create=True, update=True)


class ProjectTag(Resource):
    """One tag of one project."""

    one, many, table_name = "project_tag", "project_tags", "identity_project_tags"

    project_id = attr(_Id, key=True, references="identity_projects.id")
    name = attr(Text(255, 1, r"[^,/]*"), key=True)


class User(Free, Resource):
    """A person or a program that can log in."""

    one, many, table_name = "user", "users", "identity_users"
    constraints = (sa.UniqueConstraint("domain_id", "name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(255, 1), create="required", update=True, filter=True, sort=True)
    domain_id = attr(_Id, references="identity_domains.id", create=True, filter=True, index=True)
    enabled = attr(Bool(), default=True, create=True, update=True, filter=True)
    default_project_id = attr(Text(64), null=True, create=True, update=True, show=False)
    password_hash = attr(Text(255), null=True, show=False)
    password_expires_at = attr(When(_STAMP), null=True)
    password_set_at = attr(When(), null=True, show=False)
    password_own = attr(Bool(), null=True, show=False)  # the user chose it, not an administrator
    failures = attr(Int(), null=True, show=False)  # wrong passwords since the last right one
    failed_at = attr(When(), null=True, show=False)
    totp_step = attr(Int(), null=True, show=False)  # of the last passcode, which works once
    last_active_at = attr(When(), null=True, show=False)  # kept only where inactivity disables
    options = attr(Json(), default={}, create=True, update=True)
    created_at = attr(When(_STAMP), default=lambda tx: tx.now, show=False)


class Group(Free, Resource):
    """Users that are given roles together."""

    one, many, table_name = "group", "groups", "identity_groups"
    constraints = (sa.UniqueConstraint("domain_id", "name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(64, 1), create="required", update=True, filter=True, sort=True)
    domain_id = attr(_Id, references="identity_domains.id", create=True, filter=True, index=True)
    description = attr(Text(65535), null=True, default="", create=True, update=True)


class Member(Resource):
    """A user in a group."""

    one, many, table_name = "member", "members", "identity_members"

    group_id = attr(_Id, key=True, references="identity_groups.id")
    user_id = attr(_Id, key=True, references="identity_users.id", index=True)


class Role(Free, Resource):
    """A name that policy rules ask for. With a domain it is that domain's own. `scope` is the
    domain's id or "", because two NULLs are never equal in a unique constraint."""

    one, many, table_name = "role", "roles", "identity_roles"
    constraints = (sa.UniqueConstraint("scope", "name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(255, 1), create="required", update=True, filter=True, sort=True)
    domain_id = attr(_Id, null=True, references="identity_domains.id", create=True)
    scope = attr(Text(64), default="", show=False)
    description = attr(Text(255), null=True, default=None, create=True, update=True)
    options = attr(_OPTIONS, default={}, create=True, update=True)


class Implication(Resource):
    """Whoever has the one role has the other too."""

    one, many, table_name = "implication", "implications", "identity_implications"

    prior_role_id = attr(_Id, key=True, references="identity_roles.id")
    implied_role_id = attr(_Id, key=True, references="identity_roles.id", index=True)


class Assignment(Resource):
    """An actor (user, group) has a role on a target (project, domain, system).

    inherited: it holds on the projects below the target and not on the target itself.
    """

    one, many, table_name = "assignment", "assignments", "identity_assignments"

    actor_id = attr(_Id, key=True)
    target_id = attr(_Id, key=True, index=True)  # "system" for the system
    role_id = attr(_Id, key=True, references="identity_roles.id", index=True)
    inherited = attr(Bool(), key=True, default=False)
    actor = attr(Text(8))  # "user" or "group"
    target = attr(Text(8))  # "project", "domain" or "system"


class AccessRule(Resource):
    """A call that an application credential of its user may make."""

    one, many, table_name = "access_rule", "access_rules", "identity_access_rules"
    constraints = (sa.UniqueConstraint("user_id", "service", "method", "path"),)

    id = attr(_Id, key=True, default=new_hex)
    user_id = attr(_Id, index=True, show=False)  # an older process that deletes it knows no rules
    service = attr(Text(64), filter=True)
    method = attr(Text(16), filter=True)
    path = attr(Text(128), filter=True)


class ApplicationCredential(Resource):
    """A secret that stands for a user on one project with some of the user's roles."""

    one, many = "application_credential", "application_credentials"
    table_name = "identity_application_credentials"
    constraints = (sa.UniqueConstraint("user_id", "name"),)

    id = attr(_Id, key=True, default=new_hex)
    name = attr(Text(255, 1), create="required", filter=True)
    user_id = attr(_Id, references="identity_users.id", show=False)
    project_id = attr(_Id, references="identity_projects.id", index=True)
    description = attr(Text(65535), null=True, default=None, create=True)
    role_ids = attr(Json(), show=False)
    secret_hash = attr(Text(255), show=False)
    # This one is told without a zone, as it always was.
    expires_at = attr(When("%Y-%m-%dT%H:%M:%S.%f"), null=True, create=True)
    unrestricted = attr(Bool(), default=False, create=True)
    access_rules = attr(Json(), null=True, default=None, show=False)
    system = attr(Text(64), null=True, default=None)


class CatalogService(Free, Resource):
    """A service in the catalog."""

    one, many, table_name = "service", "services", "identity_services"

    id = attr(_Id, key=True, default=new_hex)
    type = attr(Text(255, 1), create="required", update=True, filter=True)
    name = attr(Text(255), default="", create=True, update=True, filter=True)
    description = attr(Text(65535), null=True, default="", create=True, update=True)
    enabled = attr(Bool(), default=True, create=True, update=True)


class Region(Free, Resource):
    """A part of the cloud with endpoints of its own."""

    one, many, table_name = "region", "regions", "identity_regions"

    id = attr(Text(255, 1), key=True, default=new_hex, create=True)
    description = attr(Text(65535), null=True, default="", create=True, update=True)
    parent_region_id = attr(Text(255), null=True, create=True, update=True, filter=True)


class Endpoint(Free, Resource):
    """Where a service is found. `made` is the URL's path when the first start made the row."""

    one, many, table_name = "endpoint", "endpoints", "identity_endpoints"

    id = attr(_Id, key=True, default=new_hex)
    service_id = attr(
        _Id,
        references="identity_services.id",
        create="required",
        update=True,
        filter=True,
        index=True,
    )
    interface = attr(Text(8), create="required", update=True, filter=True)
    region_id = attr(
        Text(255),
        null=True,
        references="identity_regions.id",
        create=True,
        update=True,
        filter=True,
    )
    url = attr(Text(65535, 1), create="required", update=True)
    enabled = attr(Bool(), default=True, create=True, update=True)
    made = attr(Text(255), null=True, default=None, show=False)
