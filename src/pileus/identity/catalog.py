"""The catalog: which services there are and where, as one project sees it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..core.db import Tx
from .rows import CatalogService, Endpoint
from .rows_catalog import EndpointGroup, ProjectEndpoint, ProjectEndpointGroup

_FIELD = re.compile(r"\$\((\w+)\)s|%\((\w+)\)s")
_MOST = 1000  # of them kept as JSON, some kilobytes each
_PROJECT = ("project_id", "tenant_id")


@dataclass(frozen=True)
class Catalog:
    """Services with their endpoints, URLs as they are stored.

    chosen: the ids of the endpoints that a project sees, for projects that see a choice only.
    """

    services: list[dict[str, Any]]
    chosen: Mapping[str, frozenset[str]]
    written: dict[tuple[str, str], msgspec.Raw] = field(default_factory=dict, compare=False)


def catalog(tx: Tx) -> Catalog:
    """Enabled services with their enabled endpoints."""
    found: dict[str, dict[str, Any]] = {}
    for service in tx.all(CatalogService, enabled=True, order=[CatalogService.type]):
        found[service.id] = {
            "endpoints": [],
            "id": service.id,
            "type": service.type,
            "name": service.name,
        }
    endpoints = tx.all(Endpoint, enabled=True, order=[Endpoint.interface, Endpoint.id])
    for endpoint in endpoints:
        if endpoint.service_id in found:
            found[endpoint.service_id]["endpoints"].append(
                {
                    "id": endpoint.id,
                    "interface": endpoint.interface,
                    "region_id": endpoint.region_id,
                    "region": endpoint.region_id,
                    "url": endpoint.url,
                }
            )
    return Catalog(list(found.values()), _chosen(tx, endpoints))


def _chosen(tx: Tx, endpoints: list[Endpoint]) -> dict[str, frozenset[str]]:
    groups = {
        group.id: {one.id for one in endpoints if group.has(one)} for group in tx.all(EndpointGroup)
    }
    found: dict[str, set[str]] = {}
    for named in tx.all(ProjectEndpoint):
        found.setdefault(named.project_id, set()).add(named.endpoint_id)
    for grouped in tx.all(ProjectEndpointGroup):
        found.setdefault(grouped.project_id, set()).update(groups[grouped.endpoint_group_id])
    # A choice of nothing is none: upstream shows everything then.
    return {project: frozenset(ids) for project, ids in found.items() if ids}


def filled(stored: Catalog, project_id: str, user_id: str) -> list[dict[str, Any]]:
    """The catalog for one project: URLs that need a project are left out when there is none."""
    services = stored.services
    chosen = stored.chosen.get(project_id)
    if chosen is not None:
        services = [_only(service, chosen) for service in services]
        services = [service for service in services if service["endpoints"]]
    values = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
    found = []
    for service in services:
        endpoints = service["endpoints"]
        if any(_FIELD.search(e["url"]) for e in endpoints):
            there = [_fill(e, values) for e in endpoints]
            service = service | {"endpoints": [e for e in there if e is not None]}
        found.append(service)
    return found


def written(stored: Catalog, project_id: str, user_id: str) -> msgspec.Raw:
    """The same as JSON, which is worked out once for all tokens of a user for a project."""
    key = project_id, user_id
    found = stored.written.get(key)
    if found is None:
        if len(stored.written) >= _MOST:
            stored.written.clear()
        found = msgspec.Raw(msgspec.json.encode(filled(stored, project_id, user_id)))
        stored.written[key] = found
    return found


def _only(service: dict[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    return service | {"endpoints": [e for e in service["endpoints"] if e["id"] in chosen]}


def _fill(endpoint: dict[str, Any], values: dict[str, str]) -> dict[str, Any] | None:
    wanted = {a or b for a, b in _FIELD.findall(endpoint["url"])}
    if any(not values.get(name) for name in wanted):
        return None
    url = _FIELD.sub(lambda m: values[m[1] or m[2]], endpoint["url"])
    return endpoint | {"url": url}


def endpoint_url(tx: Tx, service_type: str, region: str, interface: str) -> str | None:
    """The URL of a service in a region, if the catalog has one that leaves nothing open."""
    services = [one.id for one in tx.all(CatalogService, enabled=True, type=service_type)]
    found = tx.all(
        Endpoint,
        service_id=services,
        region_id=region,
        interface=interface,
        enabled=True,
        order=[Endpoint.id],
    )
    return next((one.url for one in found if not fields(one.url)), None)


def fields(url: str) -> set[str]:
    """The names that a stored URL leaves open."""
    return {a or b for a, b in _FIELD.findall(url)}


KNOWN_FIELDS = frozenset({*_PROJECT, "user_id"})
