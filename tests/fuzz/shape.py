"""What every error answer of a service must look like."""

import re
from typing import Any

import httpx

_LEAKS = re.compile(
    r"Traceback|sqlalchemy|sqlite3|SELECT .* FROM|INSERT INTO|site-packages|\.py\"|object at 0x",
    re.IGNORECASE,
)
# An error of OAuth 2.0 (RFC 6749, 5.2), and the receipt of a login that lacks a method.
_OTHERS = ({"error", "error_description"}, {"receipt", "required_auth_methods"})
_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def wrong(service: str, method: str, answer: httpx.Response) -> str:
    """What is wrong with this answer; empty when nothing is."""
    if answer.status_code >= 500:
        return f"status {answer.status_code}"
    if not _ID.fullmatch(answer.headers.get("X-Openstack-Request-Id", "")):
        return "no request id"
    if "X-Evil" in answer.headers:
        return "a header of the client's making"
    if answer.status_code < 400 or method == "HEAD":
        return ""
    if service == "image" and answer.status_code != 401:
        return _page(answer)
    try:
        body = answer.json()
    except ValueError:
        return f"no JSON: {answer.text[:80]!r}"
    kind = "identity" if answer.status_code == 401 else service
    if kind == "identity" and isinstance(body, dict) and body.keys() in _OTHERS:
        return ""
    problem = _body(kind, answer.status_code, body)
    leak = _LEAKS.search(_message(body))
    return problem or (f"it shows {leak[0]!r}" if leak else "")


def _page(answer: httpx.Response) -> str:
    if not answer.headers["Content-Type"].startswith("text/html"):
        return f"no HTML: {answer.headers['Content-Type']}"
    return "" if f"<h1>{answer.status_code} " in answer.text else "the page lacks its status"


def _message(body: Any) -> str:
    inner = body[next(iter(body))] if isinstance(body, dict) and body else {}
    first = inner[0] if isinstance(inner, list) and inner else inner
    return str(first.get("message") or first.get("detail") or "") if isinstance(first, dict) else ""


def _body(service: str, status: int, body: Any) -> str:
    if not isinstance(body, dict) or len(body) != 1:
        return f"not one key: {str(body)[:80]}"
    key, inner = next(iter(body.items()))
    if not _message(body):
        return "no message"
    if service == "network":
        right = key == "NeutronError" and set(inner) == {"type", "message", "detail"}
        return "" if right and inner["type"] else f"not a NeutronError: {str(body)[:80]}"
    if service == "placement":
        right = key == "errors" and inner[0]["status"] == status and inner[0]["request_id"]
        return "" if right else f"not placement's errors: {str(body)[:80]}"
    if service == "compute":
        return "" if inner.get("code") == status else f"not compute's fault: {str(body)[:80]}"
    right = key == "error" and inner.get("code") == status
    return "" if right else f"not identity's error: {str(body)[:80]}"
