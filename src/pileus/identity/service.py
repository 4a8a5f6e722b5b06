"""The identity service as the wire sees it."""

from ..wire import faults, pages
from ..wire.route import Route
from ..wire.service import Service
from . import (
    access_rule,
    application_credential,
    assignment,
    auth,
    auth_tokens,
    credential,
    domain,
    ec2_credential,
    ec2_tokens,
    endpoint,
    endpoint_group,
    grant,
    group,
    limit,
    oauth1,
    oauth2,
    policy,
    policy_association,
    project,
    project_endpoint,
    project_tag,
    registered_limit,
    revocation_events,
    role,
    trust,
    user,
    versions,
)
from .federation import rules as federation_rules
from .federation.routes import routes as federation_routes
from .federation.saml import consumer
from .ldap import domain_config
from .rules import RULES

SERVICE = Service(
    type="identity",
    name="keystone",
    path="/identity",
    routes=(
        *versions.routes(),
        Route("POST", "/v3/auth/tokens", auth.log_in, tx="none", auth=False, slow=True),
        *auth_tokens.routes(),
        *domain.routes(),
        *project.routes(),
        *project_tag.routes(),
        *user.routes(),
        *group.routes(),
        *role.routes(),
        *grant.routes(),
        *assignment.routes(),
        *application_credential.routes(),
        *access_rule.routes(),
        *oauth2.routes(),
        *credential.routes(),
        *ec2_credential.routes(),
        *ec2_tokens.routes(),
        *trust.routes(),
        *oauth1.routes(),
        *revocation_events.routes(),
        *endpoint.routes(),
        *federation_routes(),
        *domain_config.routes(),
        *registered_limit.routes(),
        *limit.routes(),
        *policy.routes(),
        *policy_association.routes(),
        *endpoint_group.routes(),
        *project_endpoint.routes(),
    ),
    stand_ins=consumer.STAND_INS,
    faults=faults.identity,
    page=pages.identity,
    rules=(*RULES, *federation_rules.rules()),
)
