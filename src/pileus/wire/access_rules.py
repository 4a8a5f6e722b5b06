"""Access rules: an application credential that may only make certain calls.

A rule names a service type, a method and a path below the service's mount. In the path `*` stands
for one segment, `**` for any number of them, and `{name}` is another way to write `*`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from .context import Request
from .service import Service


def permit(rules: Iterable[Mapping[str, str]], service: Service, request: Request) -> bool:
    """Whether any of the rules names this call. A rule without one of the three keys means any.

    To ask what a token is, is always allowed: a service or a client could not judge it otherwise.
    """
    asks = request.method in ("GET", "HEAD")
    if asks and service.type == "identity" and request.path == "/v3/auth/tokens":
        return True
    types = (service.type, *service.aliases)
    path = request.path.rstrip("/") or "/"
    return any(
        rule.get("service", service.type) in types
        and rule.get("method", request.method) == request.method
        and _pattern(rule.get("path", "/**")).fullmatch(path) is not None
        for rule in rules
    )


@lru_cache(1000)
def _pattern(path: str) -> re.Pattern[str]:
    """The rule's path as a regular expression, whose cost grows with the path and no faster.

    The first place where what stands between two `**` fits is as good as any later one, so that
    groups are atomic and nothing is tried twice.
    """
    first, *rest = [_plain(part) for part in re.split(r"\*\*+", path.rstrip("/") or "/")]
    if not rest:
        return re.compile(first)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last)


def _plain(part: str) -> str:
    words = re.split(r"(\*|\{\w+\})", part)
    return "".join("[^/]+" if i % 2 else re.escape(word) for i, word in enumerate(words))
