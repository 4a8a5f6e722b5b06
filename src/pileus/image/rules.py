"""The image API's policy rules, with the modern defaults."""

from dataclasses import replace

from ..core.policy import Rule

_MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
_SEEN = (
    "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s"
    " or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
_PARTY = "(project_id:%(project_id)s or project_id:%(member_id)s)"
_READER = "role:reader and project_id:%(project_id)s"
_METADEF = "rule:metadef_admin"
_NAMESPACE = (
    "role:admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
)

_OWN = (
    Rule(
        "add_image",
        "role:admin or (role:member and project_id:%(project_id)s and project_id:%(owner)s)",
        "Create an image",
    ),
    Rule("delete_image", _MEMBER, "Delete an image"),
    Rule("get_image", f"role:admin or (role:reader and {_SEEN})", "Show an image"),
    Rule(
        "get_images",
        "role:admin or (role:reader and project_id:%(project_id)s)",
        "List images",
    ),
    Rule("modify_image", _MEMBER, "Change an image, its tags and its properties"),
    Rule("publicize_image", "role:admin", "Make an image public"),
    Rule("communitize_image", _MEMBER, "Let every project use an image that asks for it"),
    Rule("download_image", f"role:admin or (role:member and {_SEEN})", "Read an image's bytes"),
    Rule("upload_image", _MEMBER, "Write an image's bytes"),
    Rule("add_member", _MEMBER, "Share an image with a project"),
    Rule("delete_member", _MEMBER, "Stop sharing an image with a project"),
    Rule("get_member", f"role:admin or (role:reader and {_PARTY})", "Show a member"),
    Rule("get_members", f"role:admin or (role:reader and {_PARTY})", "List members"),
    Rule(
        "modify_member",
        "role:admin or (role:member and project_id:%(member_id)s)",
        "Accept or reject an image that is shared with the caller's project",
    ),
    Rule("deactivate", _MEMBER, "Stop an image's bytes from being read"),
    Rule("reactivate", _MEMBER, "Let an image's bytes be read again"),
    Rule("stores_info_detail", "role:admin or role:service", "Show details of the stores"),
    Rule("copy_image", "role:admin", "Copy an image to further stores"),
    Rule("get_image_location", f"role:admin or ({_READER})", "See where an image's bytes lie"),
    Rule("set_image_location", _MEMBER, "Say where an image's bytes lie"),
    Rule("delete_image_location", "role:admin", "Remove one of an image's places"),
    Rule(
        "add_image_location",
        "role:service or role:admin or (role:member and project_id:%(project_id)s)",
        "Make a URL an image's place",
    ),
    Rule("fetch_image_location", "role:service or role:admin", "See all of an image's places"),
    Rule("tasks_api_access", "role:admin", "Use the tasks API"),
    Rule("cache_image", "role:admin", "Have an image cached"),
    Rule("cache_list", "role:admin", "List cached images"),
    Rule("cache_delete", "role:admin", "Remove cached images"),
    Rule("cache_clean", "role:admin", "Remove half-cached images"),
    Rule("cache_prune", "role:admin", "Shrink the cache"),
    Rule("list_cached_nodes", "role:admin", "List where an image is cached"),
    Rule("metadef_default", "", "What everybody may do with definitions"),
    Rule("metadef_admin", "role:admin", "Who defines metadata"),
    Rule("get_metadef_namespace", _NAMESPACE, "Show a namespace"),
    Rule("get_metadef_namespaces", f"role:admin or ({_READER})", "List namespaces"),
    Rule("modify_metadef_namespace", _METADEF, "Change a namespace"),
    Rule("add_metadef_namespace", _METADEF, "Add a namespace"),
    Rule("delete_metadef_namespace", _METADEF, "Delete a namespace"),
    Rule("get_metadef_object", _NAMESPACE, "Show an object"),
    Rule("get_metadef_objects", _NAMESPACE, "List objects"),
    Rule("modify_metadef_object", _METADEF, "Change an object"),
    Rule("add_metadef_object", _METADEF, "Add an object"),
    Rule("delete_metadef_object", _METADEF, "Delete an object"),
    Rule("list_metadef_resource_types", _NAMESPACE, "List resource types"),
    Rule("get_metadef_resource_type", _NAMESPACE, "Show a resource type"),
    Rule("add_metadef_resource_type_association", _METADEF, "Associate a resource type"),
    Rule("remove_metadef_resource_type_association", _METADEF, "Dissociate a resource type"),
    Rule("get_metadef_property", _NAMESPACE, "Show a property"),
    Rule("get_metadef_properties", _NAMESPACE, "List properties"),
    Rule("modify_metadef_property", _METADEF, "Change a property"),
    Rule("add_metadef_property", _METADEF, "Add a property"),
    Rule("remove_metadef_property", _METADEF, "Remove a property"),
    Rule("get_metadef_tag", _NAMESPACE, "Show a tag"),
    Rule("get_metadef_tags", _NAMESPACE, "List tags"),
    Rule("modify_metadef_tag", _METADEF, "Change a tag"),
    Rule("add_metadef_tag", _METADEF, "Add a tag"),
    Rule("add_metadef_tags", _METADEF, "Add tags"),
    Rule("delete_metadef_tag", _METADEF, "Delete a tag"),
    Rule("delete_metadef_tags", _METADEF, "Delete all tags"),
)
# As upstream has it, a token for the system is of no use here: each rule wants one for a project.
RULES = (
    Rule("default", "", "What has no rule of its own"),
    Rule("context_is_admin", "role:admin", "Whose calls see every image"),
    *(replace(rule, of_project=True) for rule in _OWN),
)
