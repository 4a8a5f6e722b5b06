"""What placement demands of a request's headers."""

from ..core.errors import BadRequest, NotAcceptable, UnsupportedMediaType
from ..wire.context import Request
from ..wire.route import Route

_JSON = "application/json"
# PUT of a name alone: nothing is in the body.
_BODILESS = {("/traits/{name}", (1, 6)), ("/resource_classes/{name}", (1, 7))}
# GET that answers without a body.
_SILENT = {"/", "/traits/{name}"}


def admit(route: Route, request: Request) -> None:
    """Raises for a body without a content type, and for a client that takes no JSON."""
    typed = bool(request.headers.get("content-type"))
    if request.body and not typed:
        raise BadRequest("content-type header required when content-length > 0: application/json.")
    bodiless = (route.path, route.since) in _BODILESS
    if route.method in ("POST", "PUT") and not (typed or bodiless):
        raise UnsupportedMediaType(f"The media type None is not supported, use {_JSON}")
    taken = request.headers.get("accept", "")
    if route.method == "GET" and route.path not in _SILENT and taken and not _takes_json(taken):
        raise NotAcceptable(f"Only {_JSON} is provided; the request takes {taken[:120]}.")


def _takes_json(accept: str) -> bool:
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        refused = any(p.replace(" ", "") in ("q=0", "q=0.0") for p in parameters)
        if kind in (_JSON, "application/*", "*/*") and not refused:
            return True
    return False
