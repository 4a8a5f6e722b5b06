"""The options of a domain's `ldap` section, by Keystone's names and with its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from ...core.errors import BadRequest, Forbidden
from ...core.types import Bool, Enum, Int, ListOf, Text, Type, Where

SECRET = ("password",)
_Line = Text(1024)
_Flag = Bool(strings=True)
_Number = Int(-1, 100_000, strings=True)


@dataclass(frozen=True)
class Options:
    """How a directory is reached and read."""

    url: str = "ldap://localhost"
    user: str = ""  # the DN that reads; "" reads as nobody
    password: str = ""
    suffix: str = "cn=example,cn=com"
    query_scope: Literal["one", "sub"] = "one"
    page_size: int = 0
    connection_timeout: int = -1
    use_tls: bool = False  # StartTLS
    tls_cacertfile: str = ""
    tls_cacertdir: str = ""
    tls_req_cert: Literal["demand", "never", "allow"] = "demand"
    user_tree_dn: str = ""
    user_filter: str = ""
    user_objectclass: str = "inetOrgPerson"
    user_id_attribute: str = "cn"
    user_name_attribute: str = "sn"
    user_description_attribute: str = "description"
    user_mail_attribute: str = "mail"
    user_enabled_attribute: str = "enabled"
    user_enabled_invert: bool = False
    user_enabled_mask: int = 0
    user_enabled_default: str = "True"
    user_additional_attribute_mapping: tuple[str, ...] = ()  # ldap_attribute:key_of_the_user
    group_tree_dn: str = ""
    group_filter: str = ""
    group_objectclass: str = "groupOfNames"
    group_id_attribute: str = "cn"
    group_name_attribute: str = "ou"
    group_member_attribute: str = "member"
    group_members_are_ids: bool = False
    group_desc_attribute: str = "description"

    @property
    def users(self) -> str:
        """Where users stand."""
        return self.user_tree_dn or f"ou=Users,{self.suffix}"

    @property
    def groups(self) -> str:
        """Where groups stand."""
        return self.group_tree_dn or f"ou=UserGroups,{self.suffix}"

    @property
    def seconds(self) -> float:
        """How long to wait for the server."""
        return float(self.connection_timeout) if self.connection_timeout > 0 else 5.0


_TYPES: dict[str, Type[Any]] = {
    "url": Text(1024, 1),
    "query_scope": Enum("one", "sub"),
    "tls_req_cert": Enum("demand", "never", "allow"),
    "page_size": _Number,
    "connection_timeout": _Number,
    "user_enabled_mask": Int(0, 2**31, strings=True),
    "use_tls": _Flag,
    "user_enabled_invert": _Flag,
    "group_members_are_ids": _Flag,
    "user_additional_attribute_mapping": ListOf(Text(255, 3, r"[^:]+:[^:]+"), 100),
}
NAMES = frozenset(field.name for field in fields(Options))
DEFAULTS = Options()


def parse(name: str, value: object, where: Where) -> Any:
    """The value of an option. Raises Forbidden for one that there is not, BadRequest."""
    if name not in NAMES:
        raise Forbidden(
            f"The option {name[:64]!r} of the group ldap is not supported; these are:"
            f" {', '.join(sorted(NAMES))}."
        )
    return _TYPES.get(name, _Line).parse(value, where)


def read(given: Mapping[str, Any]) -> Options:
    """The options of a domain, as they are stored. Raises BadRequest when they contradict."""
    known = dict(given)
    listed = "user_additional_attribute_mapping"
    if listed in known:
        known[listed] = tuple(known[listed])
    found = Options(**known)
    if found.use_tls and found.url.startswith("ldaps:"):
        raise BadRequest("config.ldap.use_tls is for StartTLS: an ldaps:// URL has TLS already.")
    return found
