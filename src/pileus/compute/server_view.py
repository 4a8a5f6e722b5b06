"""Servers as JSON, a page at a time, in any microversion."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .. import network
from ..core.db import Tx
from ..wire.context import Context
from . import flavor as flavors
from .group import ServerGroup
from .host import ZONE, ComputeHost
from .rules import rule
from .server import Server, ServerTag

_WHEN = "%Y-%m-%dT%H:%M:%SZ"
_PROGRESS = {
    "ACTIVE",
    "BUILD",
    "HARD_REBOOT",
    "PAUSED",
    "REBOOT",
    "REBUILD",
    "RESIZE",
    "VERIFY_RESIZE",
}


def links(ctx: Context, server_id: str) -> list[dict[str, str]]:
    """Where a server is found."""
    return [
        {"rel": "self", "href": ctx.url(f"/v2.1/servers/{server_id}")},
        {"rel": "bookmark", "href": ctx.url(f"/servers/{server_id}")},
    ]


def brief(ctx: Context, server: Server) -> dict[str, Any]:
    """A server as the short list has it."""
    return {"id": server.id, "name": server.name, "links": links(ctx, server.id)}


def host_mark(project_id: str, host: str | None) -> str:
    """What tells a project's hosts apart without naming them."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


class View:
    """Views of one page of servers; everything that is not in their rows is read at once.

    part: "show" and "list" for answers to GET, "update" for those to PUT, which old versions keep
        shorter; a list does not name server groups.
    """

    def __init__(self, ctx: Context, servers: Sequence[Server], part: str = "show") -> None:
        self.ctx, self.version = ctx, ctx.version
        self.full = part != "update" or ctx.version >= (2, 75)
        self._grouped = part != "list" and ctx.version >= (2, 71)
        self._wide: dict[str, tuple[bool, bool, bool]] = {}
        ids = [server.id for server in servers]
        hosts = {server.host for server in servers if server.host}
        self._hosts = {h.host: h for h in ctx.tx.all(ComputeHost, host=hosts)}
        self._addresses = network.addresses(ctx.tx, ids) if ids else {}
        self._groups = network.server_security_groups(ctx.tx, ids) if ids and self.full else {}
        self._tags = _tags(ctx.tx, ids) if ids and self.version >= (2, 26) else {}
        self._clusters = self._own_groups(servers) if self._grouped else set()

    def _own_groups(self, servers: Sequence[Server]) -> set[str]:
        ids = {server.group_id for server in servers if server.group_id}
        return {g.id for g in self.ctx.tx.all(ServerGroup, id=ids)} if ids else set()

    def _rights(self, server: Server) -> tuple[bool, bool, bool]:
        """Whether the caller sees host attributes, the host's status, the flavor's extra specs."""
        known = self._wide.get(server.project_id)
        if known is None:
            names = (
                "os-extended-server-attributes",
                "servers:show:host_status",
                "servers:show:flavor-extra-specs",
            )
            found = [self.ctx.allows(rule(name), server.target) for name in names]
            known = self._wide[server.project_id] = (found[0], found[1], found[2])
        return known

    def __call__(self, server: Server) -> dict[str, Any]:
        """One server."""
        version, status = self.version, server.status
        host = self._hosts.get(server.host or "")
        shown: dict[str, Any] = {
            "id": server.id,
            "name": server.name,
            "status": status,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": server.meta,
            "hostId": host_mark(server.project_id, server.host),
            "image": self._image(server),
            "flavor": self._flavor(server),
            "created": _when(server.created_at),
            "updated": _when(server.updated_at),
            "addresses": self._addresses.get(server.id, {}),
            "accessIPv4": server.access_ip_v4 or "",
            "accessIPv6": server.access_ip_v6 or "",
            "links": links(self.ctx, server.id),
            "OS-DCF:diskConfig": server.disk_config,
        }
        if status in _PROGRESS:
            shown["progress"] = 0
        if server.fault and status in ("ERROR", "DELETED"):
            shown["fault"] = self._fault(server)
        if version >= (2, 9):
            shown["locked"] = server.locked_by is not None
        if version >= (2, 19):
            shown["description"] = server.description
        if version >= (2, 26):
            shown["tags"] = self._tags.get(server.id, [])
        if version >= (2, 63):
            shown["trusted_image_certificates"] = None
        if self._grouped:
            shown["server_groups"] = [server.group_id] if server.group_id in self._clusters else []
        if version >= (2, 73):
            shown["locked_reason"] = server.locked_reason
        if version >= (2, 96):
            shown["pinned_availability_zone"] = server.zone or None
        return shown | (self._more(server, host) if self.full else {})

    def _more(self, server: Server, host: ComputeHost | None) -> dict[str, Any]:
        """What only GET shows in versions before 2.75."""
        wide, host_status, _ = self._rights(server)
        volume: list[dict[str, Any]] = []
        launched = server.launched_at
        shown: dict[str, Any] = {
            "key_name": server.key_name,
            "config_drive": "True" if server.config_drive else "",
            "OS-SRV-USG:launched_at": launched and launched.strftime("%Y-%m-%dT%H:%M:%S.000000"),
            "OS-SRV-USG:terminated_at": None,
            "OS-EXT-AZ:availability_zone": host.zone if host else server.zone,
            "OS-EXT-STS:task_state": server.task_state,
            "OS-EXT-STS:vm_state": server.vm_state,
            "OS-EXT-STS:power_state": server.power_state,
            "os-extended-volumes:volumes_attached": volume,
        }
        groups = self._groups.get(server.id, [])
        if groups:
            shown["security_groups"] = [{"name": name} for name in groups]
        if wide:
            shown |= self._attributes(server, host)
        if self.version >= (2, 90):
            shown["OS-EXT-SRV-ATTR:hostname"] = server.hostname
        if host_status and self.version >= (2, 16):
            shown["host_status"] = self._host_status(server, host)
        return shown

    def _attributes(self, server: Server, host: ComputeHost | None) -> dict[str, Any]:
        found: dict[str, Any] = {
            "OS-EXT-SRV-ATTR:host": server.host,
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host.hostname if host else None,
            "OS-EXT-SRV-ATTR:instance_name": server.instance_name,
        }
        if self.version >= (2, 3):
            found |= {
                "OS-EXT-SRV-ATTR:reservation_id": server.reservation_id,
                "OS-EXT-SRV-ATTR:launch_index": server.launch_index,
                "OS-EXT-SRV-ATTR:hostname": server.hostname,
                "OS-EXT-SRV-ATTR:kernel_id": "",
                "OS-EXT-SRV-ATTR:ramdisk_id": "",
                "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
                "OS-EXT-SRV-ATTR:user_data": server.user_data,
            }
        return found

    def _host_status(self, server: Server, host: ComputeHost | None) -> str:
        if host is None:
            return ""
        if host.forced_down:
            return "DOWN"
        if not host.up(self.ctx.tx):
            return "UNKNOWN"
        return "MAINTENANCE" if host.disabled else "UP"

    def _image(self, server: Server) -> Any:
        if not server.image_id:
            return ""
        # The image service has another mount: its links say only which image it is.
        href = f"{self.ctx.request.base}/compute/images/{server.image_id}"
        return {"id": server.image_id, "links": [{"rel": "bookmark", "href": href}]}

    def _flavor(self, server: Server) -> dict[str, Any]:
        if self.version < (2, 47):
            bookmark = flavors.links(self.ctx, server.flavor_id)[1]
            return {"id": server.flavor_id, "links": [bookmark]}
        kept = server.flavor
        shown = {
            "original_name": kept["name"],
            "vcpus": kept["vcpus"],
            "ram": kept["ram"],
            "disk": kept["disk"],
            "ephemeral": kept["ephemeral"],
            "swap": kept["swap"],
        }
        if self._rights(server)[2]:
            shown["extra_specs"] = kept["extra_specs"]
        return shown

    def _fault(self, server: Server) -> dict[str, Any]:
        fault = dict(server.fault or {})
        details = fault.pop("details", "")
        fault.pop("funnel", None)  # see `explain`
        if details and "admin" in self.ctx.who.roles:
            fault["details"] = details
        return fault


def zone_of(host: ComputeHost | None) -> str:
    """The availability zone that a host is in."""
    return host.zone if host else ZONE


def _when(moment: datetime) -> str:
    return moment.strftime(_WHEN)


def _tags(tx: Tx, ids: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in tx.all(ServerTag, server_id=ids, order=[ServerTag.tag]):
        found.setdefault(row.server_id, []).append(row.tag)
    return found
