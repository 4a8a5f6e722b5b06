"""What can be wrong with a request. A service turns these into its own error body (`wire.faults`).

`message` is for the person who sent the request: what was wrong, where, and what would be right.
`kind` is the name that the service's API gives the error (neutron's "NetworkInUse", placement's
"placement.concurrent_update"); empty where the API has none.
"""


class Fault(Exception):
    """An answer other than success. Nothing of the request's transaction stands."""

    status = 500
    title = "Internal Server Error"

    def __init__(self, message: str, kind: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.headers = headers or {}


class BadRequest(Fault):
    """400: the request is not what its declaration asks for."""

    status, title = 400, "Bad Request"


class Unauthorized(Fault):
    """401: nobody, or an expired or unknown token."""

    status, title = 401, "Unauthorized"


class Forbidden(Fault):
    """403: seen, but not allowed."""

    status, title = 403, "Forbidden"


class OverQuota(Forbidden):
    """403 (413 where a service says so): the project's limit is reached."""


class NotFound(Fault):
    """404: absent, or not the caller's to see."""

    status, title = 404, "Not Found"


class MethodNotAllowed(Fault):
    """405: the path is there, the method is not."""

    status, title = 405, "Method Not Allowed"


class NotAcceptable(Fault):
    """406: a microversion out of range."""

    status, title = 406, "Not Acceptable"


class TimedOut(Fault):
    """408: the client stopped in the middle of its request."""

    status, title = 408, "Request Timeout"


class Conflict(Fault):
    """409: the request does not fit the present state."""

    status, title = 409, "Conflict"


class Gone(Fault):
    """410: was there, and is no more."""

    status, title = 410, "Gone"


class PreconditionFailed(Fault):
    """412: an If-Match that no longer matches."""

    status, title = 412, "Precondition Failed"


class TooLarge(Fault):
    """413: the body is larger than the limit."""

    status, title = 413, "Request Entity Too Large"


class UriTooLong(Fault):
    """414: a URL longer than any client needs."""

    status, title = 414, "Request-URI Too Long"


class UnsupportedMediaType(Fault):
    """415: a content type that this route does not read."""

    status, title = 415, "Unsupported Media Type"


class RangeNotSatisfiable(Fault):
    """416: a Range outside the file."""

    status, title = 416, "Requested Range Not Satisfiable"


class Unavailable(Fault):
    """503: a back end does not answer; trying again later is right."""

    status, title = 503, "Service Unavailable"


class NoWrites(Unavailable):
    """503: the database takes no writes at present. It has been logged, once, by `Health`."""
