"""How this cloud talks to its identity providers: `federation.yaml` beside the cloud's keys.

The file is read again when it changes. docs/federation.md describes it.
"""

import logging
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from ...core.errors import Unavailable

log = logging.getLogger(__name__)
_HttpUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]


class Oidc(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="oidc"):
    """An OpenID Connect provider, and this cloud as its client."""

    issuer: _HttpUrl
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    # Whom access tokens may be meant for; the client itself where none is named.
    audiences: tuple[str, ...] = ()
    # How an access token is checked: its signature, or by asking the provider.
    check: str = "auto"
    remote_user: str = "sub"  # the claim that is REMOTE_USER
    ca_file: str = ""
    # Only for a provider without a discovery document, or to correct it.
    endpoints: dict[str, _HttpUrl] = {}


class Saml(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="saml2"):
    """A SAML2 identity provider."""

    entity_id: str
    certificates: tuple[str, ...]  # PEM, or files of it
    sso_url: str = ""  # for browsers, by redirect; without it only enhanced clients can log in
    allow_sha1: bool = False  # a classic Keystone signs by no other


Protocol = Oidc | Saml


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `identity_providers` holds protocols' settings by their ids."""

    trusted_dashboards: tuple[str, ...] = ()
    identity_providers: dict[str, dict[str, Protocol]] = {}
    saml_entity_id: str = ""  # of this cloud; "" is made of its URL
    assertion_seconds: int = 300  # for which an assertion that this cloud makes is good

    def of(self, idp_id: str, protocol_id: str) -> Protocol | None:
        """The settings of one protocol of one identity provider."""
        return self.identity_providers.get(idp_id, {}).get(protocol_id)


class SettingsFile:
    """The settings as the file has them now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._kept: tuple[object, Settings] = (None, Settings())

    def now(self) -> Settings:
        """The settings; the defaults without a file. Raises Unavailable for a damaged one."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return Settings()
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        with self._lock:
            if self._kept[0] != mark:
                self._kept = (mark, self._read())
            return self._kept[1]

    def _read(self) -> Settings:
        try:
            given: Any = yaml.safe_load(self.path.read_text()) or {}
            return msgspec.convert(given, Settings)
        except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError) as wrong:
            log.error("%s cannot be read: %s", self.path, wrong)
            raise Unavailable(
                "The settings of federation cannot be read; the log of this cloud says why."
            ) from None
