"""The rows about hosts that have joined."""

import sqlalchemy as sa

from ..core.resource import Resource, attr, now
from ..core.types import Int, Json, Text, Uuid, When


class JoinedHost(Resource):
    """A host with an agent of its own. `session` grows with each connection of the agent."""

    one, many = "joined_host", "joined_hosts"
    constraints = (sa.UniqueConstraint("host"),)

    id = attr(Uuid(), key=True)  # made by the host itself; its certificates name it
    host = attr(Text(255))
    session = attr(Int(), default=0)
    instance = attr(Text(64), default="")  # the agent's process that has the session
    agent = attr(Text(64), default="")  # its version
    address = attr(Text(255), default="")
    joined_at = attr(When(), default=now)
    connected_at = attr(When(), null=True)
    strays = attr(Json(), default=dict)  # by kind: what is there and was never wished for


class HostCertificate(Resource):
    """A certificate that was signed for a host; one without a row is refused."""

    one, many = "host_certificate", "host_certificates"

    serial = attr(Text(40), key=True)
    host_id = attr(Uuid(), index=True)
    host = attr(Text(255))
    signed_at = attr(When(), default=now)
    expires_at = attr(When())
    revoked_at = attr(When(), null=True)


class JoinToken(Resource):
    """A token with which one host may join; only a hash of its secret is kept."""

    one, many = "join_token", "join_tokens"

    id = attr(Text(16), key=True)
    hash = attr(Text(64))
    host = attr(Text(255), null=True)  # only a host of this name may use it
    used_by = attr(Text(64), null=True)  # a hash of the key that was signed for it
    created_at = attr(When(), default=now)
    expires_at = attr(When())


class Authority(Resource):
    """What signs the hosts' certificates. The key is sealed by the vault."""

    one, many = "host_authority", "host_authorities"

    name = attr(Text(32), key=True)
    certificate = attr(Text(65535))
    key = attr(Text(65535))
