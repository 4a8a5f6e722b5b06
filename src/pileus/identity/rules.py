"""The policy rules: upstream's names, so that an operator's policy.yaml works, modern defaults."""

from collections.abc import Iterable, Iterator

from ..core.policy import Rule

_ADMIN = "rule:admin_required"
_READ = f"{_ADMIN} or (role:reader and system_scope:all)"
_OWNER = "user_id:%(target.user.id)s"

_TRUSTOR = "user_id:%(target.trust.trustor_user_id)s"
_TRUSTEE = "user_id:%(target.trust.trustee_user_id)s"
_CREDENTIAL = "user_id:%(target.credential.user_id)s"


def _in_domain(role: str, *targets: str) -> str:
    """A role on the domain that every one of the targets belongs to."""
    return f"(role:{role} and " + " and ".join(f"domain_id:%({t})s" for t in targets) + ")"


_USER = "target.user.domain_id"
_GROUP = "target.group.domain_id"
_PROJECT = "target.project.domain_id"
_DOMAIN = "target.domain.id"
_PAIRS = [(a, t) for a in (_USER, _GROUP) for t in (_PROJECT, _DOMAIN)]


def _on_grant(role: str) -> str:
    return "(" + " or ".join(_in_domain(role, *pair) for pair in _PAIRS) + ")"


_ROLE_FITS = "(domain_id:%(target.role.domain_id)s or 'None':%(target.role.domain_id)s)"
_GRANT = (
    f"{_ADMIN} or ({_on_grant('admin')} and {_ROLE_FITS})"
    f" or ({_on_grant('manager')} and rule:domain_managed_target_role)"
)
_PROJECT_READ = f"{_READ} or {_in_domain('reader', _PROJECT)} or project_id:%(target.project.id)s"
_PROJECT_WRITE = f"{_ADMIN} or {_in_domain('manager', _PROJECT)}"
_LIST = f"{_READ} or {_in_domain('reader', 'target.domain_id')}"

_SHARED = {
    "admin_required": "role:admin",
    "service_role": "role:service",
    "service_or_admin": "rule:admin_required or rule:service_role",
    "admin_or_token_subject": "rule:admin_required or rule:token_subject",
    "service_admin_or_token_subject": "rule:service_or_admin or rule:token_subject",
    "owner": "user_id:%(user_id)s",
    "admin_or_owner": "rule:admin_required or rule:owner",
    "token_subject": "user_id:%(target.token.user_id)s",
    "domain_managed_target_role": (
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s"
        " or 'reader':%(target.role.name)s"
    ),
}

_IDENTITY = {
    "get_user": f"{_READ} or {_in_domain('reader', _USER)} or {_OWNER}",
    "list_users": _LIST,
    "create_user update_user delete_user": f"{_ADMIN} or {_in_domain('manager', _USER)}",
    "list_projects_for_user list_domains_for_user": "",
    "get_project list_project_tags get_project_tag": _PROJECT_READ,
    "list_projects": _LIST,
    "list_user_projects": f"{_READ} or {_in_domain('reader', _USER)} or {_OWNER}",
    "create_project update_project delete_project": _PROJECT_WRITE,
    "update_project_tags create_project_tag delete_project_tags delete_project_tag": _PROJECT_WRITE,
    "get_domain": (
        f"{_READ} or domain_id:%(target.domain.id)s or project_domain_id:%(target.domain.id)s"
    ),
    "list_domains": f"{_READ} or {_in_domain('reader', _DOMAIN)}",
    "create_domain update_domain delete_domain": _ADMIN,
    "get_group list_users_in_group": f"{_READ} or {_in_domain('reader', _GROUP)}",
    "list_groups": _LIST,
    "list_groups_for_user": f"{_READ} or {_in_domain('reader', _USER)} or {_OWNER}",
    "create_group update_group delete_group": f"{_ADMIN} or {_in_domain('manager', _GROUP)}",
    "check_user_in_group": f"{_READ} or {_in_domain('reader', _GROUP, _USER)}",
    "add_user_to_group remove_user_from_group": (
        f"{_ADMIN} or {_in_domain('manager', _GROUP, _USER)}"
    ),
    "get_role": f"{_READ} or (role:manager and rule:domain_managed_target_role)",
    "list_roles": f"{_READ} or (role:manager and domain_id:%(domain_id)s)",
    "get_domain_role list_domain_roles": _READ,
    "create_role update_role delete_role": _ADMIN,
    "create_domain_role update_domain_role delete_domain_role": _ADMIN,
    "get_implied_role list_implied_roles check_implied_role list_role_inference_rules": _READ,
    "create_implied_role delete_implied_role": _ADMIN,
    "check_grant": f"{_READ} or ({_on_grant('reader')} and {_ROLE_FITS})",
    "list_grants": f"{_READ} or {_on_grant('reader')}",
    "create_grant revoke_grant": _GRANT,
    "list_system_grants_for_user check_system_grant_for_user": _READ,
    "create_system_grant_for_user revoke_system_grant_for_user": _ADMIN,
    "list_system_grants_for_group check_system_grant_for_group": _READ,
    "create_system_grant_for_group revoke_system_grant_for_group": _ADMIN,
    "list_role_assignments list_role_assignments_for_tree": _LIST,
    "get_application_credential list_application_credentials": f"{_READ} or rule:owner",
    "create_application_credential": "rule:owner",
    "delete_application_credential": "rule:admin_or_owner",
    "get_access_rule list_access_rules": f"(role:reader and system_scope:all) or {_OWNER}",
    "delete_access_rule": f"(role:admin and system_scope:all) or {_OWNER}",
    "get_credential list_credentials": f"{_READ} or {_CREDENTIAL}",
    "create_credential update_credential delete_credential": f"{_ADMIN} or {_CREDENTIAL}",
    "ec2_get_credential": f"{_READ} or {_CREDENTIAL}",
    "ec2_list_credentials": f"{_READ} or rule:owner",
    "ec2_create_credential ec2_delete_credential": f"{_ADMIN} or (role:member and {_CREDENTIAL})",
    "ec2tokens_validate s3tokens_validate": "rule:service_or_admin",
    "get_consumer list_consumers": _READ,
    "create_consumer update_consumer delete_consumer": _ADMIN,
    "authorize_request_token get_access_token get_access_token_role": _ADMIN,
    "list_access_tokens list_access_token_roles delete_access_token": _ADMIN,
    "list_revoke_events": "rule:service_or_admin",
    "revocation_list": "rule:service_or_admin",
    "create_trust": _TRUSTOR,
    "list_trusts": _READ,
    "list_trusts_for_trustor": f"{_READ} or {_TRUSTOR}",
    "list_trusts_for_trustee": f"{_READ} or {_TRUSTEE}",
    "get_trust list_roles_for_trust get_role_for_trust": f"{_READ} or {_TRUSTOR} or {_TRUSTEE}",
    "delete_trust": f"{_ADMIN} or {_TRUSTOR}",
    "get_limit_model list_limits get_registered_limit list_registered_limits": "",
    "get_limit": (
        f"{_READ} or domain_id:%(target.limit.domain.id)s"
        " or domain_id:%(target.limit.project.domain_id)s"
        " or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"
    ),
    "create_limits update_limit delete_limit": _ADMIN,
    "create_registered_limits update_registered_limit delete_registered_limit": _ADMIN,
    "get_policy list_policies": _READ,
    "create_policy update_policy delete_policy": _ADMIN,
    "check_policy_association_for_endpoint check_policy_association_for_service": _READ,
    "check_policy_association_for_region_and_service get_policy_for_endpoint": _READ,
    "list_endpoints_for_policy": _READ,
    "create_policy_association_for_endpoint delete_policy_association_for_endpoint": _ADMIN,
    "create_policy_association_for_service delete_policy_association_for_service": _ADMIN,
    "create_policy_association_for_region_and_service": _ADMIN,
    "delete_policy_association_for_region_and_service": _ADMIN,
    "list_endpoint_groups get_endpoint_group get_endpoint_group_in_project": _READ,
    "list_projects_associated_with_endpoint_group": _READ,
    "list_endpoints_associated_with_endpoint_group list_endpoint_groups_for_project": _READ,
    "create_endpoint_group update_endpoint_group delete_endpoint_group": _ADMIN,
    "add_endpoint_group_to_project remove_endpoint_group_from_project": _ADMIN,
    "list_projects_for_endpoint check_endpoint_in_project list_endpoints_for_project": _READ,
    "add_endpoint_to_project remove_endpoint_from_project": _ADMIN,
    "get_service list_services get_endpoint list_endpoints": _READ,
    "create_service update_service delete_service": _ADMIN,
    "create_endpoint update_endpoint delete_endpoint": _ADMIN,
    "get_region list_regions": "",
    "create_region update_region delete_region": _ADMIN,
    "get_auth_catalog get_auth_projects get_auth_domains get_auth_system": "",
    "check_token": f"{_READ} or rule:token_subject",
    "validate_token": f"{_READ} or rule:service_role or rule:token_subject",
    "revoke_token": f"{_ADMIN} or rule:token_subject",
}

# Upstream's scope types, where they are not the system and projects.
_SCOPES = {
    "": (
        "list_projects_for_user list_domains_for_user"
        " get_auth_catalog get_auth_projects get_auth_domains get_auth_system"
    ),
    "project": (
        "create_application_credential create_trust authorize_request_token get_access_token"
        " get_access_token_role list_access_tokens list_access_token_roles delete_access_token"
    ),
    "system domain project": (
        "get_user list_users create_user update_user delete_user list_user_projects"
        " get_project list_projects create_project update_project delete_project"
        " list_project_tags get_project_tag update_project_tags create_project_tag"
        " delete_project_tags delete_project_tag get_domain list_domains"
        " get_group list_groups list_groups_for_user create_group update_group delete_group"
        " list_users_in_group check_user_in_group add_user_to_group remove_user_from_group"
        " list_roles get_role check_grant list_grants create_grant revoke_grant"
        " list_role_assignments list_role_assignments_for_tree get_region list_regions"
        " get_credential list_credentials create_credential update_credential delete_credential"
        " ec2tokens_validate s3tokens_validate get_limit_model get_limit list_limits"
        " get_registered_limit list_registered_limits check_token validate_token revoke_token"
    ),
}
_SCOPE_OF = {name: scopes for scopes, names in _SCOPES.items() for name in names.split()}


def _all() -> Iterator[Rule]:
    for name, check in _SHARED.items():
        yield Rule(name, check)
    for names, check in _IDENTITY.items():
        for name in names.split():
            scopes = frozenset(_SCOPE_OF.get(name, "system project").split())
            yield Rule(f"identity:{name}", check, scopes=scopes)


RULES: Iterable[Rule] = tuple(_all())
