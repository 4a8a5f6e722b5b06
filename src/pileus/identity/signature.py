"""Signatures of requests in Amazon's forms: versions 1, 2 and 4, and those of S3.

A service that was sent a signed request hands its parts on; what is computed here from them and
the secret must be the signature that came with it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from ..core.errors import Unauthorized

_V4 = "AWS4-HMAC-SHA256"
_S3_SERVICES = ("s3", "iam", "sts")
_FORMS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True)
class Signed:
    """The parts of a signed request."""

    signature: str
    host: str
    verb: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]  # names as they were sent
    body_hash: str

    def header(self, name: str) -> str:
        """A header's value, whatever the case of its name; empty when there is none."""
        wanted = name.lower()
        found = (v for k, v in self.headers.items() if k.lower().strip() == wanted)
        return next(found, "").strip()

    def time(self) -> str:
        """When it was signed, as it says itself; empty when it does not."""
        named = self.params.get("Timestamp") or self.header("X-Amz-Date")
        return named or self.params.get("X-Amz-Date", "")


def moment(text: str) -> datetime:
    """A time of a signed request, in UTC without a zone. Raises Unauthorized."""
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        raise Unauthorized(f"The signature's time {text[:40]!r} cannot be read.") from None


def matches(request: Signed, secret: str) -> bool:
    """Whether the signature is that of this secret. Raises Unauthorized for an unknown form.

    Some clients sign the host without its port, so both are tried.
    """
    hosts = [request.host]
    if ":" in request.host:
        try:
            hosts.append(urlsplit(f"//{request.host}").hostname or "")
        except ValueError:
            raise Unauthorized("The host of the signed request cannot be read.") from None
    return any(_same(request.signature, _computed(request, host, secret)) for host in hosts)


def _same(given: str, computed: str) -> bool:
    return hmac.compare_digest(given.encode(), computed.encode())


def _computed(request: Signed, host: str, secret: str) -> str:
    version = request.params.get("SignatureVersion")
    if version == "1":
        return _version_1(request.params, secret)
    if version == "2":
        return _version_2(request, host, secret)
    signed_in_header = request.header("Authorization").startswith(_V4)
    if version is None and (signed_in_header or request.params.get("X-Amz-Algorithm") == _V4):
        return _version_4(request, host, secret)
    raise Unauthorized(f"The signature version {version!r} is none of 1, 2 and 4.")


def _version_1(params: Mapping[str, str], secret: str) -> str:
    text = "".join(key + params[key] for key in sorted(params, key=str.lower))
    return _base64(_hmac(secret.encode(), text, "sha1"))


def _version_2(request: Signed, host: str, secret: str) -> str:
    params = dict(request.params) | {"SignatureMethod": "HmacSHA256"}
    text = "\n".join((request.verb, host, request.path, _query(params)))
    return _base64(_hmac(secret.encode(), text))


def _version_4(request: Signed, host: str, secret: str) -> str:
    credential, named = _part(request, "Credential"), _part(request, "SignedHeaders")
    scope = credential.split("/")[1:]
    date = request.header("X-Amz-Date") or request.params.get("X-Amz-Date", "")
    if len(scope) != 4 or not scope[0] or not date.startswith(scope[0]):
        raise Unauthorized("The credential's scope is not day/region/service/aws4_request.")
    there = {name.lower().strip(): value.strip() for name, value in request.headers.items()}
    if host != request.host and "host" in there:
        there["host"] = host
    # Version 4 sends the parameters of a POST in its body, which has a hash of its own.
    query = "" if request.verb.upper() == "POST" else _query(request.params, ("X-Amz-Signature",))
    canonical = "\n".join(
        (
            request.verb.upper(),
            request.path,
            query,
            *(f"{name}:{there[name]}" for name in named.split(";") if name in there),
            "",
            named,
            request.body_hash,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((_V4, date, "/".join(scope), digest))
    return _hmac(_signing_key(secret, scope), text).hex()


def _part(request: Signed, name: str) -> str:
    """A part of the `Authorization` header, or the parameter in its place."""
    header = request.header("Authorization")
    if header:
        found = re.search(rf"\b{name}=([^,\s]*)", header)
        return found[1] if found else ""
    return request.params.get(f"X-Amz-{name}", "")


def _signing_key(secret: str, scope: list[str]) -> bytes:
    key = ("AWS4" + secret).encode()
    for step in scope:
        key = _hmac(key, step)
    return key


def s3_matches(signature: str, token: str, secret: str) -> bool:
    """Whether the signature is that of the text to sign, which is the token, in base64.

    Raises Unauthorized for a text that cannot be one.
    """
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (ValueError, UnicodeError):
        raise Unauthorized("credentials.token is not base64 of the text to sign.") from None
    if not text.startswith("AWS4"):
        return _same(signature, _base64(_hmac(secret.encode(), text, "sha1")))
    lines = text.split("\n")
    scope = lines[2].split("/") if len(lines) == 4 else []
    right = lines[0] == _V4 and len(scope) == 4 and scope[3] == "aws4_request"
    if not right or scope[2] not in _S3_SERVICES:
        raise Unauthorized("credentials.token is no text to sign of version 4 for S3.")
    return _same(signature, _hmac(_signing_key(secret, scope), text).hex())


def _query(params: Mapping[str, str], but: tuple[str, ...] = ()) -> str:
    pairs = sorted((k, v) for k, v in params.items() if k not in but)
    return "&".join(f"{quote(k, safe='-_~')}={quote(v, safe='-_~')}" for k, v in pairs)


def _hmac(key: bytes, text: str, kind: str = "sha256") -> bytes:
    return hmac.new(key, text.encode(), kind).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
