"""The routes of OAuth 1.0a. Those that a consumer signs need no token."""

from ...wire.route import Route
from . import access_token, consumer, request_token


def routes() -> tuple[Route, ...]:
    """The routes of consumers, request tokens and access tokens."""
    at = "/v3/OS-OAUTH1"
    consumers = f"{at}/consumers"
    one = consumers + "/{consumer_id}"
    tokens = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
    token = tokens + "/{access_token_id}"
    return (
        Route("GET", consumers, consumer.list_),
        Route("POST", consumers, consumer.create, status=201),
        Route("GET", one, consumer.show),
        Route("PATCH", one, consumer.update),
        Route("DELETE", one, consumer.delete, status=204),
        Route("POST", f"{at}/request_token", request_token.create, auth=False),
        Route("PUT", at + "/authorize/{request_token_id}", request_token.authorize),
        Route("POST", f"{at}/access_token", access_token.create, auth=False),
        Route("GET", tokens, access_token.list_),
        Route("GET", token, access_token.show),
        Route("DELETE", token, access_token.delete, status=204),
        Route("GET", f"{token}/roles", access_token.roles),
        Route("GET", f"{token}/roles/{{role_id}}", access_token.role),
    )
