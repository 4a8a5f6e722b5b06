"""The client's side of OAuth 1.0a (RFC 5849): what signs a POST, computed on its own."""

import base64
import hmac
import secrets
import time
from urllib.parse import parse_qs, quote

import httpx


def escape(text: str) -> str:
    return quote(text, safe="~")


def header(
    url: str, consumer: str, secret: str, token: tuple[str, str] = ("", ""), **more: str
) -> dict[str, str]:
    """The header of a POST to this URL. token: an id and its secret. more: further parameters."""
    params = {
        "oauth_consumer_key": consumer,
        "oauth_nonce": secrets.token_hex(8),
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(time.time())),
        "oauth_version": "1.0",
    } | more
    if token[0]:
        params["oauth_token"] = token[0]
    normal = "&".join(f"{escape(k)}={escape(v)}" for k, v in sorted(params.items()))
    text = f"POST&{escape(url)}&{escape(normal)}".encode()
    digest = "sha256" if params["oauth_signature_method"].endswith("256") else "sha1"
    made_of = hmac.new(f"{secret}&{token[1]}".encode(), text, digest).digest()
    params["oauth_signature"] = base64.b64encode(made_of).decode()
    parts = ", ".join(f'{k}="{escape(v)}"' for k, v in params.items())
    return {"Authorization": f"OAuth {parts}"}


def pair(answer: httpx.Response) -> tuple[str, str]:
    """The token and its secret in an answer."""
    assert answer.status_code == 201, answer.text
    found = parse_qs(answer.text)
    return found["oauth_token"][0], found["oauth_token_secret"][0]
