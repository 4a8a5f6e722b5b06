"""OAuth 1.0a: programs (consumers) that users let work with some of their roles on a project."""

from .routes import routes
from .rows import AccessToken, Consumer, RequestToken

__all__ = ["AccessToken", "Consumer", "RequestToken", "routes"]
