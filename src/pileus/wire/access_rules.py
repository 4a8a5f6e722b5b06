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
    """Whether any of the rules names this call. A rule without one of the three keys means any."""
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
    parts = re.split(r"(\*\*|\*|\{\w+\})", path.rstrip("/") or "/")
    return re.compile(
        "".join(
            ".*" if p == "**" else re.escape(p) if i % 2 == 0 else "[^/]+"
            for i, p in enumerate(parts)
        )
    )
