"""Microversions: what the client asked for, and what the answer says."""

import re

from ..core.errors import BadRequest, NotAcceptable
from ..core.types import Version
from .context import Request
from .service import Microversions


def negotiate(request: Request, known: Microversions) -> Version:
    """The microversion of this request; the oldest when none was asked for.

    Raises BadRequest for one that is malformed and NotAcceptable for one out of range
    (API SIG guideline "Microversion Specification").
    """
    asked = _asked(request, known)
    if not asked:
        return known.oldest
    if asked == "latest":
        return known.newest
    found = re.fullmatch(r"([1-9]\d{0,5})\.(0|[1-9]\d{0,5})", asked)
    if found is None:
        raise BadRequest(
            f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum."
        )
    version = (int(found[1]), int(found[2]))
    if not known.oldest <= version <= known.newest:
        raise NotAcceptable(
            f"Version {asked} is not supported by the API. Minimum is {dotted(known.oldest)}"
            f" and maximum is {dotted(known.newest)}."
        )
    return version


def _asked(request: Request, known: Microversions) -> str:
    for item in request.headers.get("openstack-api-version", "").split(","):
        words = item.split()
        if len(words) == 2 and words[0].lower() == known.service_type:
            return words[1].lower()
    if known.legacy_header:
        return request.headers.get(known.legacy_header.lower(), "").strip().lower()
    return ""


def answer_headers(version: Version, known: Microversions) -> dict[str, str]:
    """The headers that say which version the answer is in."""
    found = {"OpenStack-API-Version": f"{known.service_type} {dotted(version)}"}
    vary = "OpenStack-API-Version"
    if known.legacy_header:
        found[known.legacy_header] = dotted(version)
        vary += f", {known.legacy_header}"
    return found | {"Vary": vary}


def dotted(version: Version) -> str:
    """(2, 90) → "2.90"."""
    return f"{version[0]}.{version[1]}"
