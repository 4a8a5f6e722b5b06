"""Ports for servers: claiming them, binding them to a host and letting them go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound
from ..core.policy import Credentials
from . import metadata, port_life, quota, topology
from .default_group import default_group
from .port_life import Fixed
from .rows import Network, Port, PortGroup, SecurityGroup, Subnet

_ADMIN = "admin"


@dataclass(frozen=True)
class NetworkRequest:
    """What a server asks for: a network to make a port on, or a port that is there."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class Absent(BadRequest):
    """A network or port that is named is not there."""


Wanted = Sequence[NetworkRequest] | Literal["auto", "none"]


def claim_ports(
    tx: Tx,
    who: Credentials,
    server_id: str,
    wanted: Wanted,
    *,
    hostname: str,
    security_groups: Sequence[str] = (),
    availability_zone: str = "",
) -> list[Port]:
    """Make or adopt the ports of a new server, in the order asked for.

    Raises BadRequest for what is not there or cannot be, Conflict for a port in use or an
    ambiguous choice, Forbidden for an external network, OverQuota.
    """
    if wanted == "none":
        return []
    requests = [NetworkRequest(_only(tx, who))] if wanted == "auto" or not wanted else list(wanted)
    requests = [request for request in requests if request.network_id or request.port_id]
    fresh = sum(request.port_id is None for request in requests)
    if fresh:
        quota.claim(tx, who.project_id, "port", fresh)
    owner = f"compute:{availability_zone or 'nova'}"
    groups = _groups(tx, who, security_groups) if fresh else []
    # Behind those that it has, whichever of them have been taken away.
    following = max((port.position for port in ports_of(tx, server_id)), default=-1) + 1
    found = []
    for position, request in enumerate(requests, following):
        if request.port_id is not None:
            port = _adopt(tx, who, request.port_id)
            tx.change(
                port,
                device_id=server_id,
                device_owner=owner,
                hostname=hostname,
                position=position,
                revision_number=port.revision_number + 1,
                updated_at=tx.now,
            )
            topology.mark(tx, "port", port.id)
        else:
            port = Port(
                project_id=who.project_id,
                device_id=server_id,
                device_owner=owner,
                hostname=hostname,
                position=position,
                claimed=True,
            )
            _make(tx, who, port, request, groups)
        found.append(port)
    return found


def _visible(who: Credentials, network: Network) -> bool:
    mine = network.project_id == who.project_id or _ADMIN in who.roles
    return mine or network.shared or network.external


def _only(tx: Tx, who: Credentials) -> str | None:
    """The one network that the project can use; None when there is none."""
    usable = sa.or_(Network.project_id == who.project_id, Network.shared.is_(True))
    found = tx.all(Network, usable, Network.external.is_(False), limit=2)
    if len(found) > 1:
        raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
    return found[0].id if found else None


def _make(
    tx: Tx, who: Credentials, port: Port, request: NetworkRequest, groups: Sequence[str]
) -> None:
    network = tx.get(Network, request.network_id)
    if network is None or not _visible(who, network):
        raise Absent(f"Network {request.network_id} could not be found.")
    if network.external and not network.shared and _ADMIN not in who.roles:
        raise Forbidden(
            f"It is not allowed to create an interface on external network {network.id}"
        )
    if not tx.exists(Subnet, network_id=network.id):
        raise BadRequest(f"Network {network.id} requires a subnet in order to boot instances on.")
    port.network_id = network.id
    port.port_security_enabled = network.port_security_enabled
    fixed = None if request.fixed_ip is None else [Fixed(ip=request.fixed_ip)]
    try:
        port_life.make(tx, network, port, fixed, groups if network.port_security_enabled else ())
    except Conflict as taken:
        if taken.kind == "IpAddressAlreadyAllocated":
            raise BadRequest(f"Fixed IP address {request.fixed_ip} is already in use.") from taken
        if taken.kind == "IpAddressGenerationFailure":
            raise BadRequest(
                f"No fixed IP addresses available for network: {network.id}"
            ) from taken
        raise


def _adopt(tx: Tx, who: Credentials, port_id: str) -> Port:
    port = tx.get(Port, port_id)
    if port is None or (port.project_id != who.project_id and _ADMIN not in who.roles):
        raise Absent(f"Port {port_id} could not be found.")
    if port.device_id:
        raise Conflict(f"Port {port_id} is still in use.")
    if not port_life.addresses_of(tx, port.id) and tx.exists(Subnet, network_id=port.network_id):
        raise BadRequest(f"Port {port_id} requires a FixedIP in order to be used.")
    return port


def _groups(tx: Tx, who: Credentials, wanted: Sequence[str]) -> list[str]:
    """The ids of security groups given by name or id; the default group when none is."""
    if not wanted:
        return [default_group(tx, who.project_id)]
    return list(dict.fromkeys(_named(tx, who.project_id, name) for name in wanted))


def _named(tx: Tx, project_id: str, name: str) -> str:
    """The id of the project's group with this name or id."""
    if name == "default":
        default_group(tx, project_id)
    matches = tx.all(
        SecurityGroup,
        SecurityGroup.project_id == project_id,
        sa.or_(SecurityGroup.id == name, SecurityGroup.name == name),
    )
    exact = [group for group in matches if group.id == name] or matches
    if not exact:
        raise BadRequest(f"Security group {name} not found for project {project_id}.")
    if len(exact) > 1:
        raise Conflict(
            f"Multiple security groups found matching '{name}'. Use an ID to be more specific."
        )
    return exact[0].id


def add_security_group(tx: Tx, server_id: str, project_id: str, name: str) -> None:
    """Put a group, named or by id, on all ports of a server.

    Raises NotFound where the project has no such group, Conflict where several have the name.
    """
    group = _group_of(tx, project_id, name)
    for port, present in _guarded(tx, server_id):
        if group not in present:
            _set_groups(tx, port, [*present, group])


def remove_security_group(tx: Tx, server_id: str, project_id: str, name: str) -> None:
    """Take a group, named or by id, off all ports of a server.

    Raises NotFound where the project has no such group or no port of the server has it, Conflict
    where several groups have the name.
    """
    group = _group_of(tx, project_id, name)
    having = [(p, groups) for p, groups in _guarded(tx, server_id) if group in groups]
    if not having:
        raise NotFound(f"Security group {name} is not on any port of server {server_id}.")
    for port, present in having:
        _set_groups(tx, port, [one for one in present if one != group])


def _group_of(tx: Tx, project_id: str, name: str) -> str:
    try:
        return _named(tx, project_id, name)
    except BadRequest as absent:
        raise NotFound(absent.message) from None


def _guarded(tx: Tx, server_id: str) -> list[tuple[Port, list[str]]]:
    """The server's ports that can have security groups, each with those that it has."""
    order = [PortGroup.position]
    return [
        (port, [m.group_id for m in tx.all(PortGroup, port_id=port.id, order=order)])
        for port in ports_of(tx, server_id)
        if port.port_security_enabled
    ]


def _set_groups(tx: Tx, port: Port, groups: Sequence[str]) -> None:
    port_life.set_groups(tx, port, groups)
    tx.change(port, revision_number=port.revision_number + 1, updated_at=tx.now)
    topology.mark(tx, "port", port.id)


def ports_of(tx: Tx, server_id: str) -> list[Port]:
    """The server's ports in their order."""
    return tx.all(Port, device_id=server_id, order=[Port.position, Port.id])


def bind_ports(tx: Tx, server_id: str, host: str) -> None:
    """The server's ports are to be plugged on this host."""
    for port in ports_of(tx, server_id):
        if port.host != host:
            _place(tx, port, host)


def unbind_ports(tx: Tx, server_id: str) -> None:
    """The server's ports are on no host any more."""
    for port in ports_of(tx, server_id):
        if port.host:
            _place(tx, port, "")


def _place(tx: Tx, port: Port, host: str) -> None:
    before = port.host
    tx.change(
        port,
        host=host,
        status="DOWN",
        revision_number=port.revision_number + 1,
        updated_at=tx.now,
    )
    topology.look(tx)
    for name in (before, host):
        metadata.refresh_host(tx, port.network_id, name)


def release_port(tx: Tx, port: Port) -> None:
    """Delete a port that was made for its server, or free one that it adopted."""
    host, network_id = port.host, port.network_id
    if port.claimed:
        port_life.remove(tx, port)
    else:
        tx.change(
            port,
            device_id="",
            device_owner="",
            host="",
            hostname="",
            position=0,
            status="DOWN",
            revision_number=port.revision_number + 1,
            updated_at=tx.now,
        )
        topology.mark(tx, "port", port.id)
    metadata.refresh_host(tx, network_id, host)


def release_ports(tx: Tx, server_id: str) -> None:
    """The server needs its ports no more."""
    for port in ports_of(tx, server_id):
        release_port(tx, port)


def release_one(tx: Tx, server_id: str, port_id: str) -> None:
    """The server needs this port no more; one that is not its own is left alone."""
    for port in tx.all(Port, id=port_id, device_id=server_id):
        release_port(tx, port)


def ports_ready(tx: Tx, server_id: str) -> bool:
    """Whether every port of the server that is bound and switched on carries traffic."""
    ports = tx.all(Port, device_id=server_id)
    return all(p.status == "ACTIVE" for p in ports if p.host and p.admin_state_up)


def ports_with_servers(tx: Tx) -> list[tuple[str, str, str, bool]]:
    """Every server's port: its id, the server's, its host ("" for none), whether it was made so."""
    port = Port.table.c
    query = sa.select(port.id, port.device_id, port.host, port.claimed)
    found = tx.execute(query.where(port.device_owner.like("compute:%")))
    return [(port_id, server, host, made) for port_id, server, host, made in found]
