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
    found = re.fullmatch(known.form, asked)
    if found is None:
        raise BadRequest(known.malformed.format(asked))
    version = (int(found[1]), int(found[2]))
    if not known.oldest <= version <= known.newest:
        span = dotted(known.oldest), dotted(known.newest)
        raise NotAcceptable(known.outside.format(asked, *span))
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
    vary = known.vary
    if known.legacy_header:
        found[known.legacy_header] = dotted(version)
        vary += f", {known.legacy_header}"
    return found | {"Vary": vary}


def dotted(version: Version) -> str:
    """(2, 90) → "2.90"."""
    return f"{version[0]}.{version[1]}"
