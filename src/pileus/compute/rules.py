"""Policy rules of the compute API: upstream's names and its modern defaults."""

from ..core.policy import Rule

ADMIN = "role:admin"
READER = "role:admin or (role:reader and project_id:%(project_id)s)"
MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
OWNER = "role:admin or user_id:%(user_id)s"
ANY = "@"

_PREFIX = "os_compute_api:"
_BY_CHECK = {
    ADMIN: """
        os-admin-actions:reset_state os-availability-zone:detail os-extended-server-attributes
        os-flavor-access os-flavor-access:add_tenant_access os-flavor-access:remove_tenant_access
        os-flavor-extra-specs:create os-flavor-extra-specs:update os-flavor-extra-specs:delete
        os-flavor-manage:create os-flavor-manage:update os-flavor-manage:delete
        os-hypervisors:list os-hypervisors:list-detail os-hypervisors:statistics
        os-hypervisors:show os-hypervisors:uptime os-hypervisors:search os-hypervisors:servers
        os-aggregates:index os-aggregates:show os-aggregates:create os-aggregates:update
        os-aggregates:delete os-aggregates:add_host os-aggregates:remove_host
        os-aggregates:set_metadata os-instance-actions:events os-instance-actions:events:details
        limits:other_project
        os-lock-server:unlock:unlock_override os-migrations:index os-shelve:shelve_offload
        os-shelve:unshelve_to_host
        os-migrate-server:migrate os-migrate-server:migrate:host os-evacuate
        os-migrate-server:migrate_live servers:migrations:delete
        servers:migrations:index servers:migrations:show os-quota-class-sets:show
        os-quota-class-sets:update os-quota-sets:update os-quota-sets:delete
        os-server-groups:index:all_projects servers:index:get_all_tenants
        servers:detail:get_all_tenants servers:allow_all_filters servers:show:host_status
        servers:create:forced_host servers:create:zero_disk_flavor servers:explain os-services:list
        os-services:update os-services:delete os-simple-tenant-usage:list
    """,
    READER: """
        os-attach-interfaces:list os-attach-interfaces:show os-flavor-extra-specs:show
        os-flavor-extra-specs:index os-instance-actions:list os-instance-actions:show
        ips:show ips:index os-quota-sets:show os-security-groups:list os-server-groups:index
        os-server-groups:show server-metadata:index server-metadata:show os-server-tags:index
        os-server-tags:show servers:index servers:detail servers:show
        servers:show:flavor-extra-specs os-simple-tenant-usage:show os-volumes-attachments:index
    """,
    MEMBER: """
        os-console-output os-deferred-delete:force os-lock-server:lock os-lock-server:unlock
        os-pause-server:pause os-pause-server:unpause os-suspend-server:suspend
        os-suspend-server:resume os-security-groups:add
        os-security-groups:remove os-server-groups:create os-server-groups:delete
        server-metadata:create server-metadata:update_all server-metadata:update
        server-metadata:delete os-server-tags:delete_all os-server-tags:update_all
        os-server-tags:delete os-server-tags:update servers:create servers:create:attach_network
        servers:delete servers:create_image os-shelve:shelve
        os-shelve:unshelve os-rescue os-unrescue
        os-attach-interfaces:create os-attach-interfaces:delete os-create-backup
        servers:rebuild servers:resize
        servers:confirm_resize servers:revert_resize
        servers:update servers:reboot servers:start servers:stop
    """,
    OWNER: "os-keypairs:index os-keypairs:create os-keypairs:delete os-keypairs:show",
    ANY: "os-availability-zone:list extensions limits os-quota-sets:defaults",
}

RULES: tuple[Rule, ...] = (
    Rule("context_is_admin", ADMIN),
    Rule("admin_api", ADMIN),
    Rule("compute:servers:create:requested_destination", ADMIN),
    *(Rule(_PREFIX + name, check) for check, names in _BY_CHECK.items() for name in names.split()),
)


def rule(name: str) -> str:
    """The full name of a rule of this API: "servers:show" → "os_compute_api:servers:show"."""
    return _PREFIX + name
