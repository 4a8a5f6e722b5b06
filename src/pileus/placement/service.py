"""Placement as the wire sees it."""

from ..wire import faults, pages
from ..wire.context import Context, Response
from ..wire.route import Route
from ..wire.service import Microversions, Service
from ..wire.versions import dotted
from . import (
    aggregates,
    allocation,
    candidate,
    classes,
    inventories,
    providers,
    reshaper,
    traits,
    usage,
)
from .answer import answer
from .headers import admit
from .rules import rules

OLDEST, NEWEST = (1, 0), (1, 39)


def _version(ctx: Context) -> Response:
    version = {
        "id": f"v{dotted(OLDEST)}",
        "max_version": dotted(NEWEST),
        "min_version": dotted(OLDEST),
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }
    return answer(ctx, {"versions": [version]})


SERVICE = Service(
    type="placement",
    name="placement",
    path="/placement",
    routes=(
        Route("GET", "/", _version, auth=False),
        *providers.ROUTES,
        *inventories.ROUTES,
        *traits.ROUTES,
        *classes.ROUTES,
        *aggregates.ROUTES,
        *usage.ROUTES,
        *allocation.ROUTES,
        *candidate.ROUTES,
        *reshaper.ROUTES,
    ),
    faults=faults.placement,
    page=pages.plain,
    rules=rules(),
    microversions=Microversions(
        "placement",
        OLDEST,
        NEWEST,
        vary="openstack-api-version",
        form=r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})",
        malformed="Invalid microversion: invalid version string: {0}",
        outside="Invalid microversion: Unacceptable version header: {0}; {1} to {2} are possible.",
    ),
    strict_slash=True,
    admit=admit,
    clash=providers.CONCURRENT,
)
