"""The ways to log in: a file each. To add one, write its file and name it here."""

from collections.abc import Mapping

from . import application_credential, oauth1, password, token, totp
from .method import Method, Proof

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        password.METHOD,
        token.METHOD,
        application_credential.METHOD,
        totp.METHOD,
        oauth1.METHOD,
    )
}

__all__ = ["METHODS", "Method", "Proof"]
