"""The rows of federation: who may vouch for users, how they are read, and whom they know."""

from ...core.resource import Resource, attr
from ...core.types import Bool, Int, Json, Text, When

_Id = Text(64, 1)
_Url = Text(256, 1, r"https?://\S+")


class IdentityProvider(Resource):
    """Somebody outside who vouches for users; they belong to `domain_id`."""

    one, many = "identity_provider", "identity_providers"
    table_name = "identity_identity_providers"

    id = attr(_Id, key=True, filter=True)
    enabled = attr(Bool(), default=False, create=True, update=True, filter=True)
    description = attr(Text(65535), null=True, default=None, create=True, update=True)
    domain_id = attr(_Id, references="identity_domains.id", create=True, index=True)
    # Minutes for which a membership that a login told of holds without another login.
    authorization_ttl = attr(Int(0, 10**9), null=True, default=None, create=True, update=True)


class RemoteId(Resource):
    """One of the names that an identity provider gives itself (issuer, entity id)."""

    one, many, table_name = "remote_id", "remote_ids", "identity_remote_ids"

    remote_id = attr(Text(255, 1), key=True)
    idp_id = attr(_Id, references="identity_identity_providers.id", index=True)


class Mapping(Resource):
    """Rules that make a local user of what an identity provider says; see `engine`."""

    one, many, table_name = "mapping", "mappings", "identity_mappings"

    id = attr(_Id, key=True)
    rules = attr(Json())
    schema_version = attr(Text(5, 1), default="1.0")


class Protocol(Resource):
    """A way to log in at an identity provider, and the mapping that it uses."""

    one, many, table_name = "protocol", "protocols", "identity_protocols"

    idp_id = attr(_Id, key=True, references="identity_identity_providers.id", show=False)
    id = attr(_Id, key=True)
    mapping_id = attr(
        _Id,
        references="identity_mappings.id",
        create="required",
        update=True,
        index=True,
    )
    remote_id_attribute = attr(Text(64), null=True, default=None, create=True, update=True)


class ServiceProvider(Resource):
    """Another cloud that believes what this one says of its users."""

    one, many = "service_provider", "service_providers"
    table_name = "identity_service_providers"

    id = attr(_Id, key=True, filter=True)
    auth_url = attr(_Url, create="required", update=True)
    sp_url = attr(_Url, create="required", update=True)
    enabled = attr(Bool(), default=False, create=True, update=True, filter=True)
    description = attr(Text(65535), null=True, default=None, create=True, update=True)
    relay_state_prefix = attr(Text(256), null=True, default="ss:mem:", create=True, update=True)


class FederatedUser(Resource):
    """Which user it is whom an identity provider knows as `unique_id`."""

    one, many, table_name = "federated_user", "federated_users", "identity_federated_users"

    idp_id = attr(_Id, key=True, references="identity_identity_providers.id")
    protocol_id = attr(_Id, key=True)
    unique_id = attr(Text(255, 1), key=True)
    user_id = attr(_Id, references="identity_users.id", index=True)


class ExpiringMember(Resource):
    """A user in a group until `expires_at`, because an identity provider said so at a login."""

    one, many = "expiring_member", "expiring_members"
    table_name = "identity_expiring_members"

    user_id = attr(_Id, key=True, references="identity_users.id")
    group_id = attr(_Id, key=True, references="identity_groups.id", index=True)
    idp_id = attr(_Id, key=True, references="identity_identity_providers.id", index=True)
    expires_at = attr(When(), index=True)


class Vouched(Resource):
    """What an identity provider said of a user whose login is not finished yet.

    `id` is the digest of a secret that only the user's client has, so that a reader of the
    database cannot finish it. It is used once.
    """

    one, many, table_name = "vouched", "vouched", "identity_vouched"

    id = attr(_Id, key=True)
    idp_id = attr(_Id)
    protocol_id = attr(_Id)
    attributes = attr(Json())
    until = attr(When(), index=True)


class SeenAssertion(Resource):
    """A SAML assertion that has been used: it is taken once (`id` is a digest)."""

    one, many, table_name = "seen_assertion", "seen_assertions", "identity_seen_assertions"

    id = attr(_Id, key=True)
    until = attr(When(), index=True)
