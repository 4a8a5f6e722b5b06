"""Signed requests of OAuth 1.0a (RFC 5849): their parts, and whether the signature is right.

As upstream, it remembers no nonces: who can repeat a request has seen it, and TLS keeps it unseen.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from ...core.errors import BadRequest, Unauthorized
from ...wire.context import Context

_DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_FRESH = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1)
_PART = re.compile(r'([^\s,="]+)="([^"]*)"')


@dataclass(frozen=True)
class Signed:
    """A request with the parameters of its `Authorization: OAuth …` header."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    params: Mapping[str, str]

    def needs(self, *names: str) -> list[str]:
        """The values of these parameters. Raises BadRequest when one is missing."""
        for name in names:
            if not self.params.get(name):
                raise BadRequest(f"The Authorization header of OAuth has no {name}.")
        return [self.params[name] for name in names]


def read(ctx: Context) -> Signed:
    """The signed parts of a request. Raises BadRequest when it has no header of OAuth."""
    request = ctx.request
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "oauth":
        raise BadRequest("The header Authorization of OAuth 1.0a is missing.")
    pairs = {unquote(k): unquote(v) for k, v in _PART.findall(rest)}
    pairs.pop("realm", None)
    return Signed(request.method, ctx.url(request.path), request.query, pairs)


def check(signed: Signed, now: datetime, consumer_secret: str, token_secret: str = "") -> None:
    """Raises Unauthorized for a wrong or an old signature, BadRequest for an unknown form."""
    method, stamp, given = signed.needs(
        "oauth_signature_method", "oauth_timestamp", "oauth_signature"
    )
    signed.needs("oauth_nonce")
    digest = _DIGESTS.get(method)
    if digest is None:
        raise BadRequest(f"oauth_signature_method must be one of {', '.join(_DIGESTS)}.")
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise BadRequest("oauth_timestamp must be a number of seconds.")
    if abs(now - (_EPOCH + timedelta(seconds=int(stamp)))) > _FRESH:
        raise Unauthorized("oauth_timestamp is more than ten minutes from now.")
    key = f"{_escape(consumer_secret)}&{_escape(token_secret)}".encode()
    computed = base64.b64encode(hmac.new(key, _base(signed).encode(), digest).digest())
    if not hmac.compare_digest(computed, given.encode()):
        raise Unauthorized("The signature of the request is wrong.")


def _base(signed: Signed) -> str:
    """The text that is signed (RFC 5849, 3.4.1)."""
    pairs = [(k, v) for k, v in signed.params.items() if k != "oauth_signature"]
    pairs += list(signed.query)
    escaped = sorted((_escape(k), _escape(v)) for k, v in pairs)
    try:
        parts = urlsplit(signed.url)
    except ValueError:
        raise BadRequest("The header Host cannot be read.") from None
    host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}[parts.scheme.lower()])
    url = f"{parts.scheme.lower()}://{host}{parts.path}"
    normal = "&".join(f"{k}={v}" for k, v in escaped)
    return "&".join((signed.method.upper(), _escape(url), _escape(normal)))


def _escape(text: str) -> str:
    return quote(text, safe="~")
