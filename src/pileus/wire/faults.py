"""The error bodies of the services. Which service uses which stands in its `service.py`."""

from html import escape

from ..core.errors import Fault, OverQuota, Unauthorized
from ..core.types import Version
from .context import Response

_COMPUTE_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def unauthorized(fault: Fault) -> Response:
    """The 401 that every service gives alike, as the token middleware of OpenStack does."""
    error = {"code": fault.status, "title": fault.title, "message": fault.message}
    return Response(fault.status, {"error": error}, dict(fault.headers))


def compute(fault: Fault, version: Version, request_id: str) -> Response:
    """`{"itemNotFound": {"code": 404, "message": …}}`: compute's and block storage's."""
    if isinstance(fault, Unauthorized):
        return unauthorized(fault)
    name = _COMPUTE_NAMES.get(fault.status, "computeFault")
    body: dict[str, object] = {"code": fault.status, "message": fault.message}
    return Response(fault.status, {name: body}, dict(fault.headers))


def identity(fault: Fault, version: Version, request_id: str) -> Response:
    """`{"error": {"code": 404, "title": …, "message": …}}`."""
    return unauthorized(fault)


def network(fault: Fault, version: Version, request_id: str) -> Response:
    """`{"NeutronError": {"type": …, "message": …, "detail": ""}}`."""
    if isinstance(fault, Unauthorized):
        return unauthorized(fault)
    status = 409 if isinstance(fault, OverQuota) else fault.status
    kind = fault.kind or ("OverQuota" if isinstance(fault, OverQuota) else _http_kind(fault))
    error = {"type": kind, "message": fault.message, "detail": ""}
    return Response(status, {"NeutronError": error}, dict(fault.headers))


def _http_kind(fault: Fault) -> str:
    return "HTTP" + fault.title.replace(" ", "") if fault.status != 403 else "PolicyNotAuthorized"


def image(fault: Fault, version: Version, request_id: str) -> Response:
    """An HTML page with the message, which is what the image API has always given."""
    if isinstance(fault, Unauthorized):
        return unauthorized(fault)
    line = f"{fault.status} {fault.title}"
    page = (
        f"<html>\n <head>\n  <title>{line}</title>\n </head>\n <body>\n  <h1>{line}</h1>\n"
        f"  {escape(fault.message, quote=False)}<br /><br />\n\n\n </body>\n</html>"
    )
    return Response(fault.status, page.encode(), dict(fault.headers), "text/html; charset=UTF-8")


def placement(fault: Fault, version: Version, request_id: str) -> Response:
    """`{"errors": [{"status": …, "title": …, "detail": …, "request_id": …, "code": …}]}`."""
    if isinstance(fault, Unauthorized):
        return unauthorized(fault)
    error: dict[str, object] = {
        "status": fault.status,
        "title": fault.title,
        "detail": fault.message,
        "request_id": request_id,
    }
    if version >= (1, 23):
        error["code"] = fault.kind or "placement.undefined_code"
    return Response(fault.status, {"errors": [error]}, dict(fault.headers))
