"""Cookies: read, and written so that scripts and other sites get nothing of them."""

from ...wire.context import Context


def read(ctx: Context, name: str) -> str:
    """The cookie's value, or empty."""
    for part in ctx.request.headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def write(name: str, value: str, path: str, seconds: int, secure: bool, posted: bool) -> str:
    """A `Set-Cookie` header. posted: another site's form must bring it along."""
    found = f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly"
    if secure:
        found += "; Secure"
    if posted:
        # Without TLS browsers refuse "None", and their default lets a form bring a fresh cookie.
        return found + ("; SameSite=None" if secure else "")
    return found + "; SameSite=Lax"
