"""A service as the wire sees it: where it is mounted, its versions, routes, rules and faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Fault
from ..core.policy import Rule
from ..core.types import Version
from .context import Context, Request, Response
from .route import Route

# How a fault becomes an answer; the context is absent when no route was found.
Faults = Callable[[Fault, Version, str], Response]
# How a page of a list is wrapped: (context, plural name, items, marker of the next page or "").
Page = Callable[[Context, str, list[dict[str, Any]], str], dict[str, Any]]


@dataclass(frozen=True)
class Microversions:
    """The range of microversions and the headers that negotiate them."""

    service_type: str  # as in "OpenStack-API-Version: compute 2.90"
    oldest: Version
    newest: Version
    legacy_header: str = ""  # "X-OpenStack-Nova-API-Version"
    # How the service writes the header's name in `Vary`, reads versions, and speaks of wrong ones.
    vary: str = "OpenStack-API-Version"
    form: str = r"([1-9]\d{0,5})\.(0|[1-9]\d{0,5})"
    malformed: str = (
        "API Version String {0} is of invalid format. Must be of format MajorNum.MinorNum."
    )
    outside: str = "Version {0} is not supported by the API. Minimum is {1} and maximum is {2}."


@dataclass(frozen=True)
class Service:
    """One OpenStack service."""

    type: str  # the catalog's type
    name: str
    path: str  # the mount, as DevStack has it: "/compute"
    routes: tuple[Route, ...]
    faults: Faults
    page: Page
    rules: tuple[Rule, ...] = ()
    microversions: Microversions | None = None
    catalog_path: str = ""  # what the catalog's URL has behind the mount: "/v2.1"
    # "/images/" is an item without an id, so 404, and not the collection.
    strict_slash: bool = False
    max_body: int = 1 << 20
    clash: str = ""  # the name of the error of a request that lost a race to another
    # What the service demands of a request's headers beyond what every service does: raises Fault.
    admit: Callable[[Route, Request], None] | None = None
    # A path under which the routes of another answer as well, always in the oldest microversion:
    # compute's v2.0 is v2.1 without microversions.
    unversioned: tuple[str, str] | None = None
    # Whole paths outside of every mount that this service answers, and its own paths that do it.
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = field(default=())  # further catalog types, such as "volumev3"
