"""What an identity provider says of somebody, once it has been checked that it does say so."""

from dataclasses import dataclass, field

# What a mapping may ask for besides the attributes themselves.
REMOTE_USER = "REMOTE_USER"


@dataclass(frozen=True)
class Vouch:
    """A user in an identity provider's words.

    issuer: the name that the identity provider gives itself. attributes: lists of texts by name.
    """

    issuer: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
