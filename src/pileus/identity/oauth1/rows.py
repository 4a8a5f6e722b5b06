"""The rows of OAuth 1.0a. Their secrets are sealed, as signatures are checked with them."""

from ...core.resource import Resource, attr, new_hex
from ...core.types import Json, Text, When
from ..rows import Free

_ID = Text(64, 1)
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


class Consumer(Free, Resource):
    """A program that asks users for access."""

    one, many, table_name = "consumer", "consumers", "identity_consumers"

    id = attr(_ID, key=True, default=new_hex)
    description = attr(Text(65535), null=True, create=True, update=True)
    secret = attr(Text(255), show=False)


class RequestToken(Resource):
    """A consumer's wish for access to a project; a user authorises it with some roles."""

    one, many, table_name = "request_token", "request_tokens", "identity_request_tokens"

    id = attr(_ID, key=True, default=new_hex)
    consumer_id = attr(_ID, references="identity_consumers.id", index=True)
    project_id = attr(_ID, index=True)
    secret = attr(Text(255), show=False)
    expires_at = attr(When(STAMP), index=True)
    verifier = attr(Text(32), null=True, show=False)
    user_id = attr(_ID, null=True, index=True)
    role_ids = attr(Json(), default=[])


class AccessToken(Resource):
    """What a consumer logs in with on behalf of the user that authorised it."""

    one, many, table_name = "access_token", "access_tokens", "identity_access_tokens"

    id = attr(_ID, key=True, default=new_hex)
    consumer_id = attr(_ID, references="identity_consumers.id", index=True)
    project_id = attr(_ID, index=True)
    authorizing_user_id = attr(_ID, index=True)
    secret = attr(Text(255), show=False)
    expires_at = attr(When(STAMP))
    role_ids = attr(Json(), default=[], show=False)
