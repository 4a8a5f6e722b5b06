"""What is known of identity providers' servers: settings, addresses and keys, kept for a while."""

import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...config import Config
from ...core.clock import Clock
from ...core.errors import Unavailable
from .settings import Oidc, Protocol, Settings, SettingsFile
from .web import Web

_KEPT = 3600.0  # seconds
_AGAIN = 30.0  # before an unknown key makes it ask for the keys anew
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class _Known:
    """A document, and when it was read (of the clock that never jumps)."""

    document: dict[str, Any]
    read: float


class Providers:
    """Identity providers as this process knows them."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._file = SettingsFile(config.shared / "federation.yaml")
        self._clock = clock
        self._lock = threading.Lock()
        self._webs: dict[str, Web] = {}
        self._known: dict[str, _Known] = {}

    @property
    def settings(self) -> Settings:
        """The settings as they are now. Raises Unavailable."""
        return self._file.now()

    def entity_id(self, base: str) -> str:
        """This cloud's name in SAML. base: where clients find its identity service."""
        return self.settings.saml_entity_id or f"{base}/v3/OS-FEDERATION/saml2/idp"

    def of(self, idp_id: str, protocol_id: str) -> Protocol | None:
        """The settings of one protocol of one identity provider."""
        return self.settings.of(idp_id, protocol_id)

    def web(self, settings: Oidc) -> Web:
        """The client that asks this provider."""
        with self._lock:
            if settings.ca_file not in self._webs:
                self._webs[settings.ca_file] = Web(self._clock, settings.ca_file)
            return self._webs[settings.ca_file]

    def endpoint(self, settings: Oidc, name: str) -> str:
        """The URL of one of the provider's endpoints. Raises Unavailable where there is none."""
        found = self.find_endpoint(settings, name)
        if not found:
            raise Unavailable(f"The identity provider {settings.issuer} has no {name}.")
        return found

    def find_endpoint(self, settings: Oidc, name: str) -> str:
        """The URL of an endpoint, or empty. Raises Unavailable when the provider is away."""
        if name in settings.endpoints:
            return settings.endpoints[name]
        url = str(self._discovery(settings).get(name) or "")
        if url and urlsplit(url).scheme not in ("https", urlsplit(settings.issuer).scheme):
            raise Unavailable(f"The identity provider's {name} is without TLS, its issuer is not.")
        return url

    def keys(self, settings: Oidc, wanted: str | None) -> list[dict[str, Any]]:
        """The provider's public keys, read anew when the one that is wanted is not among them."""
        url = self.endpoint(settings, "jwks_uri")
        found = self._keys(self._document(settings, url, _KEPT))
        if wanted is not None and all(key.get("kid") != wanted for key in found):
            found = self._keys(self._document(settings, url, _AGAIN))
        return found

    def _keys(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        keys = document.get("keys")
        return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []

    def _discovery(self, settings: Oidc) -> dict[str, Any]:
        url = settings.issuer.rstrip("/") + _DISCOVERY
        found = self._document(settings, url, _KEPT)
        if found.get("issuer") != settings.issuer:
            raise Unavailable(
                f"{url} is of the issuer {found.get('issuer')!r}, and not of {settings.issuer!r}."
            )
        return found

    def _document(self, settings: Oidc, url: str, age: float) -> dict[str, Any]:
        key, now = f"{settings.ca_file} {url}", self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and now - known.read < age:
            return known.document
        status, found = self.web(settings).get(url)
        if status != 200 or not isinstance(found, dict):
            raise Unavailable(f"The identity provider answers {status} at {url}, without JSON.")
        self._known[key] = _Known(found, now)
        return found
