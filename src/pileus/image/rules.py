"""The image API's policy rules, with the modern defaults."""

from ..core.policy import Rule

_MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
_SEEN = (
    "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s"
    " or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
_PARTY = "(project_id:%(project_id)s or project_id:%(member_id)s)"

RULES = (
    Rule("default", "", "What has no rule of its own"),
    Rule("context_is_admin", "role:admin", "Whose calls see every image"),
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
    Rule("stores_info_detail", "role:admin", "Show details of the stores"),
)
