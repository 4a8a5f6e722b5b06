"""The rows of LDAP: how a domain is set up, and which users and groups its directory knows."""

from ...core.resource import Resource, attr
from ...core.types import Bool, Json, Text

_Id = Text(64, 1)


class DomainOption(Resource):
    """One option of a domain's configuration; a secret one is sealed."""

    one, many, table_name = "domain_option", "domain_options", "identity_domain_options"

    domain_id = attr(_Id, key=True, references="identity_domains.id")
    section = attr(Text(64, 1), key=True)
    name = attr(Text(64, 1), key=True)
    value = attr(Json())


class Entry(Resource):
    """A user or group of ours that a directory knows as `local_id`.

    present: the directory had it when it was last read.
    """

    one, many, table_name = "entry", "entries", "identity_directory_entries"

    id = attr(_Id, key=True)
    domain_id = attr(_Id, references="identity_domains.id", index=True)
    kind = attr(Text(8))  # "user" or "group"
    local_id = attr(Text(255, 1))
    present = attr(Bool(), default=True)
