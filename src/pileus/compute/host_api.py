"""Availability zones, services, hypervisors: what the API shows of hosts."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from .. import placement
from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Bool, Enum, Field, Object, Text
from ..hosts import addresses, dismiss
from ..wire.context import Context, Response
from ..wire.paging import page_size
from ..wire.route import Route
from .aggregate import forget_host
from .host import ComputeHost, host_id, host_service_id
from .rules import rule
from .server import Server, live

_BINARY = "nova-compute"
_SECOND = "%Y-%m-%dT%H:%M:%S.000000"
_NUMBERS = (
    "vcpus",
    "vcpus_used",
    "memory_mb",
    "memory_mb_used",
    "free_ram_mb",
    "local_gb",
    "local_gb_used",
    "free_disk_gb",
    "disk_available_least",
    "running_vms",
    "current_workload",
)
_CHANGE = Object(
    {
        "status": Enum("enabled", "disabled"),
        "disabled_reason": Text(255, 1),
        "forced_down": Bool(strings=True),
    }
)
_OLD_CHANGE = Object(
    {
        "host": Field(Text(255, 1), required=True),
        "binary": Field(Text(255, 1), required=True),
        "disabled_reason": Text(255, 1),
        "forced_down": Field(Bool(strings=True), since=(2, 11)),
    }
)


def _hosts(tx: Tx, **given: Any) -> list[ComputeHost]:
    return tx.all(ComputeHost, order=[ComputeHost.host], **given)


def list_zones(ctx: Context) -> object:
    """Availability zones, without their hosts."""
    return {"availabilityZoneInfo": _zones(ctx, False)}


def detail_zones(ctx: Context) -> object:
    """Availability zones, with hosts and services."""
    return {"availabilityZoneInfo": _zones(ctx, True)}


def _zones(ctx: Context, detail: bool) -> list[dict[str, Any]]:
    zones: dict[str, list[ComputeHost]] = {}
    for host in _hosts(ctx.tx):
        zones.setdefault(host.zone, []).append(host)
    found = []
    for name, hosts in sorted(zones.items()):
        shown = None
        if detail:
            shown = {host.host: {_BINARY: _zone_service(ctx, host)} for host in hosts}
        available = any(not host.disabled and host.up(ctx.tx) for host in hosts)
        found.append({"zoneName": name, "zoneState": {"available": available}, "hosts": shown})
    return found


def _zone_service(ctx: Context, host: ComputeHost) -> dict[str, Any]:
    return {
        "available": host.up(ctx.tx),
        "active": not host.disabled,
        "updated_at": host.last_seen.strftime(_SECOND),
    }


def _service(ctx: Context, host: ComputeHost) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": host.service_id if ctx.version >= (2, 53) else _number(host),
        "binary": _BINARY,
        "host": host.host,
        "zone": host.zone,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if host.up(ctx.tx) else "down",
        "updated_at": host.last_seen.strftime(_SECOND),
        "disabled_reason": host.disabled_reason,
    }
    return found | ({"forced_down": host.forced_down} if ctx.version >= (2, 11) else {})


def _number(host: ComputeHost) -> int:
    """The whole number that versions before 2.53 want as an id."""
    return int(host.id.replace("-", "")[:7], 16)


def list_services(ctx: Context) -> object:
    """The services of all hosts."""
    host, binary = ctx.request.get("host"), ctx.request.get("binary")
    if binary not in (None, _BINARY):
        return {"services": []}
    rows = _hosts(ctx.tx) if host is None else _hosts(ctx.tx, host=host)
    return {"services": [_service(ctx, row) for row in rows]}


def update_service(ctx: Context) -> object:
    """Enable, disable or force down a host's service; before 2.53 the path names the verb."""
    verb = ctx.params["service_id"]
    if ctx.version >= (2, 53):
        host = _by_service(ctx, verb)
        return {"service": _service(ctx, _apply(ctx, host, _CHANGE.parse(ctx.body, ctx.where)))}
    if verb not in ("enable", "disable", "disable-log-reason", "force-down"):
        raise NotFound("Unknown action")
    body = _OLD_CHANGE.parse(ctx.body, ctx.where)
    found = ctx.tx.one(ComputeHost, host=body["host"])
    if found is None or body["binary"] != _BINARY:
        raise NotFound(f"Service {body['binary']} on host {body['host']} could not be found.")
    return {"service": _old_answer(verb, _apply(ctx, found, _old_change(verb, body)))}


def _old_change(verb: str, body: dict[str, Any]) -> dict[str, Any]:
    if verb == "enable":
        return {"status": "enabled"}
    if verb == "force-down":
        return {"forced_down": body.get("forced_down", True)}
    if verb == "disable-log-reason" and "disabled_reason" not in body:
        raise BadRequest("disabled_reason is required and missing.")
    found = {"status": "disabled"}
    return found | (
        {"disabled_reason": body["disabled_reason"]} if verb == "disable-log-reason" else {}
    )


def _old_answer(verb: str, host: ComputeHost) -> dict[str, Any]:
    shown: dict[str, Any] = {"host": host.host, "binary": _BINARY}
    if verb == "force-down":
        return shown | {"forced_down": host.forced_down}
    shown["status"] = "disabled" if host.disabled else "enabled"
    if verb == "disable-log-reason":
        shown["disabled_reason"] = host.disabled_reason
    return shown


def _by_service(ctx: Context, service_id: str) -> ComputeHost:
    # A service's id is made of the host's: only these need be read of all hosts.
    for id in ctx.tx.execute(_ids()).scalars():
        if host_service_id(id) == service_id and (host := ctx.tx.get(ComputeHost, id)):
            return host
    raise NotFound(f"Compute service {service_id[:255]} could not be found.")


@cache
def _ids() -> "sa.Select[Any]":
    return sa.select(ComputeHost.id)


def _apply(ctx: Context, host: ComputeHost, body: dict[str, Any]) -> ComputeHost:
    values: dict[str, Any] = {}
    if "status" in body:
        values["disabled"] = body["status"] == "disabled"
        values["disabled_reason"] = body.get("disabled_reason")
    elif "disabled_reason" in body:
        raise BadRequest("disabled_reason goes with status 'disabled'.")
    if body.get("status") == "enabled" and "disabled_reason" in body:
        raise BadRequest("disabled_reason goes with status 'disabled'.")
    if "forced_down" in body:
        values["forced_down"] = body["forced_down"]
    if not values:
        raise BadRequest("Give status, disabled_reason or forced_down.")
    ctx.tx.change(host, **values)
    return host


def delete_service(ctx: Context) -> object:
    """Forget a host that is gone. Raises Conflict while servers are on it."""
    host = _by_service(ctx, ctx.params["service_id"])
    forget(ctx.tx, host)
    return Response(204)


def forget(tx: Tx, host: ComputeHost) -> None:
    """Forget a host, and let its agent in no more. Raises Conflict while servers are on it."""
    if tx.exists(Server, Server.host == host.host, live()):
        raise Conflict(f"Unable to delete compute service that is hosting instances: {host.host}.")
    placement.tree_remove(tx, host.id)
    forget_host(tx, host.host)
    tx.remove(host)
    dismiss(tx, host.host)


def host_forget(tx: Tx, name: str) -> None:
    """Forget the host of this name. Raises NotFound, Conflict."""
    host = tx.get(ComputeHost, host_id(name))
    if host is None:
        raise NotFound(f"There is no host {name[:255]!r}.")
    forget(tx, host)


def _brief(ctx: Context, host: ComputeHost) -> dict[str, Any]:
    return {
        "id": _shown_id(ctx, host),
        "hypervisor_hostname": host.hostname,
        "state": "up" if host.up(ctx.tx) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }


def _count_by_host(
    tx: Tx, hosts: Iterable[ComputeHost], *where: "sa.ColumnElement[bool]"
) -> dict[str, int]:
    query = sa.select(Server.host, sa.func.count()).where(*where).group_by(Server.host)
    found: dict[str, int] = {}
    for names in chunks(host.host for host in hosts):
        rows: Iterable[Any] = tx.execute(query.where(Server.host.in_(names)))
        found |= {row[0]: int(row[1]) for row in rows}
    return found


class Usage:
    """What these hosts have and use, read in three queries."""

    def __init__(self, tx: Tx, hosts: Sequence[ComputeHost]) -> None:
        self._used = placement.usages(tx, [host.id for host in hosts])
        self._guests = _count_by_host(tx, hosts, live())
        self._busy = _count_by_host(tx, hosts, live(), Server.task_state.is_not(None))

    def of(self, host: ComputeHost) -> dict[str, int]:
        """The numbers of one host, as the API calls them."""
        used = {k: v.used for k, v in self._used.get(host.id, {}).items()}
        cpus = used.get("VCPU", 0) + used.get("PCPU", 0)
        ram, disk = used.get("MEMORY_MB", 0), used.get("DISK_GB", 0)
        return {
            "vcpus": host.vcpus,
            "vcpus_used": cpus,
            "memory_mb": host.memory_mb,
            "memory_mb_used": ram,
            "free_ram_mb": host.memory_mb - ram,
            "local_gb": host.disk_gb,
            "local_gb_used": disk,
            "free_disk_gb": host.disk_gb - disk,
            "disk_available_least": host.disk_gb - disk,
            "running_vms": self._guests.get(host.host, 0),
            "current_workload": self._busy.get(host.host, 0),
        }


def _detail(
    ctx: Context,
    host: ComputeHost,
    usage: Usage | None,
    guests: dict[str, list[Any]] | None,
    far: dict[str, str],
) -> dict[str, Any]:
    service_id = host.service_id if ctx.version >= (2, 53) else _number(host)
    shown = _brief(ctx, host) | {
        "host_ip": far.get(host.host) or "127.0.0.1",
        "hypervisor_type": host.hypervisor_type,
        "hypervisor_version": host.hypervisor_version,
        "service": {
            "host": host.host,
            "id": service_id,
            "disabled_reason": host.disabled_reason,
        },
    }
    if usage is not None:
        info = {"arch": host.arch, "model": host.cpu_model, "accelerator": host.accelerator}
        shown |= usage.of(host)
        shown["cpu_info"] = info if ctx.version >= (2, 28) else str(info)
    else:
        shown["uptime"] = None
    if guests is not None and guests.get(host.host):
        shown["servers"] = guests[host.host]
    return shown


def _with_servers(ctx: Context, hosts: Iterable[ComputeHost]) -> dict[str, list[Any]] | None:
    text = ctx.request.get("with_servers")
    if ctx.version < (2, 53) or not text or not Bool().read(text, ctx.where.at("with_servers")):
        return None
    return _guests(ctx.tx, hosts)


def _guests(tx: Tx, hosts: Iterable[ComputeHost]) -> dict[str, list[Any]]:
    query = sa.select(Server.host, Server.id, Server.name).where(live()).order_by(Server.id)
    found: dict[str, list[Any]] = {}
    for names in chunks(host.host for host in hosts):
        for host, id, name in tx.execute(query.where(Server.host.in_(names))):
            found.setdefault(host, []).append({"uuid": id, "name": name})
    return found


def _asked(ctx: Context) -> tuple[list[ComputeHost], str]:
    """The hypervisors that were asked for, by name, and the next page's marker.

    They come in pages from 2.33 on; those that are named by a pattern never do.
    """
    if ctx.version < (2, 33):
        return _hosts(ctx.tx), ""
    pattern = ctx.request.get("hypervisor_hostname_pattern")
    if pattern is None or ctx.version < (2, 53):
        return _page(ctx)
    if ctx.request.get("limit") is not None or ctx.request.get("marker") is not None:
        raise BadRequest("hypervisor_hostname_pattern does not go with limit and marker.")
    found = [host for host in _hosts(ctx.tx) if pattern in host.hostname]
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern[:255]}' could be found.")
    return found, ""


def _page(ctx: Context) -> tuple[list[ComputeHost], str]:
    size, marker = page_size(ctx), ctx.request.get("marker")
    after = ""
    if marker:
        last = _found(ctx, marker)
        if last is None:
            raise BadRequest(f"The marker {marker[:80]!r} could not be found.")
        after = last.host
    later = ComputeHost.host > after
    rows = ctx.tx.all(ComputeHost, later, order=[ComputeHost.host], limit=size + 1)
    shown = rows[:size]
    return shown, str(_shown_id(ctx, shown[-1])) if shown and len(rows) > size else ""


def list_hypervisors(ctx: Context) -> object:
    """Ids and names of hypervisors, a page of them."""
    hosts, marker = _asked(ctx)
    guests = _with_servers(ctx, hosts)
    items = []
    for host in hosts:
        item = _brief(ctx, host)
        if guests is not None and guests.get(host.host):
            item["servers"] = guests[host.host]
        items.append(item)
    return ctx.service.page(ctx, "hypervisors", items, marker)


def detail_hypervisors(ctx: Context) -> object:
    """Hypervisors in full, a page of them; from 2.88 without what placement says better."""
    hosts, marker = _asked(ctx)
    return ctx.service.page(ctx, "hypervisors", _details(ctx, hosts), marker)


def _details(ctx: Context, hosts: Sequence[ComputeHost]) -> list[dict[str, Any]]:
    usage = Usage(ctx.tx, hosts) if ctx.version < (2, 88) else None
    guests, far = _with_servers(ctx, hosts), addresses(ctx.tx, [host.host for host in hosts])
    return [_detail(ctx, host, usage, guests, far) for host in hosts]


def show_hypervisor(ctx: Context) -> object:
    """One hypervisor."""
    return {"hypervisor": _details(ctx, [_hypervisor(ctx)])[0]}


def _hypervisor(ctx: Context) -> ComputeHost:
    key = ctx.params["hypervisor_id"]
    found = _found(ctx, key)
    if found is None:
        raise NotFound(f"Compute host {key[:255]} could not be found.")
    return found


def _found(ctx: Context, key: str) -> ComputeHost | None:
    """The hypervisor of this id, as this microversion writes ids."""
    if ctx.version >= (2, 53):
        return ctx.tx.get(ComputeHost, key)
    return next((host for host in _hosts(ctx.tx) if str(_number(host)) == key), None)


def _shown_id(ctx: Context, host: ComputeHost) -> str | int:
    return host.id if ctx.version >= (2, 53) else _number(host)


def uptime(ctx: Context) -> object:
    """How long a hypervisor is up, before 2.88; nobody counts that here."""
    return {"hypervisor": _brief(ctx, _hypervisor(ctx)) | {"uptime": ""}}


def search(ctx: Context) -> object:
    """Hypervisors whose name holds a text, before 2.53."""
    return {"hypervisors": [_brief(ctx, host) for host in _named(ctx)]}


def servers_on(ctx: Context) -> object:
    """Hypervisors whose name holds a text, with their servers, before 2.53."""
    hosts = _named(ctx)
    guests = _guests(ctx.tx, hosts)
    return {
        "hypervisors": [
            _brief(ctx, host) | {"servers": guests.get(host.host, [])} for host in hosts
        ]
    }


def _named(ctx: Context) -> list[ComputeHost]:
    text = ctx.params["hypervisor_id"]
    found = [host for host in _hosts(ctx.tx) if text in host.hostname]
    if not found:
        raise NotFound(f"No hypervisor matching '{text[:255]}' could be found.")
    return found


def statistics(ctx: Context) -> object:
    """Sums over all hypervisors, before 2.88."""
    hosts = _hosts(ctx.tx)
    usage = Usage(ctx.tx, hosts)
    each = [usage.of(host) for host in hosts]
    total = {name: sum(one[name] for one in each) for name in _NUMBERS}
    return {"hypervisor_statistics": {"count": len(hosts)} | total}


_HYPER = "/v2.1/os-hypervisors"
_ONE = _HYPER + "/{hypervisor_id}"
_SERVICE = "/v2.1/os-services"
_ZONE = "/v2.1/os-availability-zone"
_H = "os-hypervisors:"
ROUTES = (
    Route("GET", _ZONE, list_zones, policy=rule("os-availability-zone:list")),
    Route("GET", _ZONE + "/detail", detail_zones, policy=rule("os-availability-zone:detail")),
    Route("GET", _SERVICE, list_services, policy=rule("os-services:list")),
    Route("PUT", _SERVICE + "/{service_id}", update_service, policy=rule("os-services:update")),
    Route(
        "DELETE",
        _SERVICE + "/{service_id}",
        delete_service,
        policy=rule("os-services:delete"),
        since=(2, 53),
    ),
    Route("GET", _HYPER, list_hypervisors, policy=rule(_H + "list")),
    Route("GET", _HYPER + "/detail", detail_hypervisors, policy=rule(_H + "list-detail")),
    Route(
        "GET",
        _HYPER + "/statistics",
        statistics,
        policy=rule(_H + "statistics"),
        until=(2, 87),
    ),
    Route("GET", _ONE, show_hypervisor, policy=rule(_H + "show")),
    Route("GET", _ONE + "/uptime", uptime, policy=rule(_H + "uptime"), until=(2, 87)),
    Route("GET", _ONE + "/search", search, policy=rule(_H + "search"), until=(2, 52)),
    Route("GET", _ONE + "/servers", servers_on, policy=rule(_H + "servers"), until=(2, 52)),
)
