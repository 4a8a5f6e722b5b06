"""What a federated user can go to: GET /v3/OS-FEDERATION/projects and /domains."""

from ...wire.route import Route
from .. import auth_tokens


def routes() -> tuple[Route, ...]:
    """The routes. They answer as /v3/auth/projects and /v3/auth/domains do."""
    at = "/v3/OS-FEDERATION"
    return (
        Route(
            "GET", f"{at}/projects", auth_tokens.list_projects, policy="identity:get_auth_projects"
        ),
        Route("GET", f"{at}/domains", auth_tokens.list_domains, policy="identity:get_auth_domains"),
    )
