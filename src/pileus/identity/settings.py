"""Identity's settings, by the sections and names that operators know, from a file of YAML."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_Some = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class BadSettings(ValueError):
    """The file does not hold settings of identity; the message says what is wrong."""


class SecurityCompliance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What passwords must be like and when they end; docs/identity.md tells of each.

    None and 0 switch a rule off, which all of them are unless they are set.
    """

    disable_user_account_days_inactive: _Some | None = None
    lockout_failure_attempts: _Some | None = None
    lockout_duration: _Some | None = 1800  # seconds; None: until an administrator enables the user
    password_expires_days: _Some | None = None
    unique_last_password_count: Annotated[int, msgspec.Meta(ge=0, le=24)] = 0
    minimum_password_age: _Count = 0  # days
    password_regex: str | None = None
    password_regex_description: str | None = None
    change_password_upon_first_use: bool = False


class TokenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How tokens are made."""

    provider: Literal["fernet", "jws"] = "fernet"
    allow_rescope_scoped_token: bool = True
    allow_expired_window: _Count = 172800  # seconds


class ReceiptSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receipts of a login of which a part is missing."""

    expiration: _Some = 300  # seconds


class TotpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Passcodes that a device works out."""

    included_previous_windows: Annotated[int, msgspec.Meta(ge=0, le=10)] = 1  # of 30 s each


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may say of identity."""

    security_compliance: SecurityCompliance = SecurityCompliance()
    token: TokenSettings = TokenSettings()
    receipt: ReceiptSettings = ReceiptSettings()
    totp: TotpSettings = TotpSettings()


def read(path: Path | None) -> Settings:
    """The settings of this file; without one, the usual ones. Raises BadSettings."""
    if path is None:
        return Settings()
    try:
        found: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise BadSettings(f"{path} cannot be read: {wrong}") from None
    try:
        settings = msgspec.convert({} if found is None else found, Settings)
        re.compile(settings.security_compliance.password_regex or "")
    except msgspec.ValidationError as wrong:
        raise BadSettings(f"{path}: {wrong}") from None
    except re.error as wrong:
        raise BadSettings(f"{path}: security_compliance.password_regex: {wrong}") from None
    return settings
