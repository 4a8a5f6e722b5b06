"""Gauges of the compute service, under the openstack-exporter's names."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .. import placement
from ..core.db import Tx
from ..core.metrics import Sample
from .aggregate import names_by_host
from .flavor import Flavor
from .host import ComputeHost
from .server import Server, live
from .server_view import host_mark

# The exporter's codes: the place in this list; what is not in it is -1.
_CODES = (
    "ACTIVE",
    "BUILD",
    "BUILD(spawning)",
    "DELETED",
    "ERROR",
    "HARD_REBOOT",
    "PASSWORD",
    "REBOOT",
    "REBUILD",
    "RESCUE",
    "RESIZE",
    "SHUTOFF",
    "SUSPENDED",
    "UNKNOWN",
    "VERIFY_RESIZE",
    "MIGRATING",
    "PAUSED",
    "REVERT_RESIZE",
    "SHELVED",
    "SHELVED_OFFLOADED",
    "SOFT_DELETED",
)
_MIB = 1 << 20
_GIB = 1 << 30


def samples(tx: Tx) -> Iterable[Sample]:
    """Every gauge, from three small queries and one over all servers."""
    yield Sample("openstack_nova_up", 1)
    yield Sample("openstack_nova_flavors", tx.count(Flavor))
    hosts = tx.all(ComputeHost)
    zones = {host.zone for host in hosts}
    yield Sample("openstack_nova_availability_zones", len(zones))
    servers = tx.all(Server, live())
    yield Sample("openstack_nova_total_vms", len(servers))
    yield from _servers(servers, {host.host: host for host in hosts})
    used, on = placement.usages(tx), defaultdict[str | None, list[Server]](list)
    for server in servers:
        on[server.host].append(server)
    within = names_by_host(tx)
    for host in hosts:
        yield from _host(tx, host, used.get(host.id, {}), on[host.host], within[host.host])


def _servers(servers: list[Server], hosts: Mapping[str, ComputeHost]) -> Iterable[Sample]:
    for server in servers:
        status = server.status
        host = hosts.get(server.host or "")
        labels = {
            "id": server.id,
            "uuid": server.id,
            "name": server.name,
            "status": status,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "address_ipv4": server.access_ip_v4 or "",
            "address_ipv6": server.access_ip_v6 or "",
            "host_id": host_mark(server.project_id, server.host),
            "hypervisor_hostname": host.hostname if host else "",
            "availability_zone": host.zone if host else server.zone,
            "flavor_id": server.flavor_id,
            "instance_libvirt": server.instance_name,
        }
        code = _CODES.index(status) if status in _CODES else -1
        yield Sample("openstack_nova_server_status", code, labels)
        yield Sample(
            "openstack_nova_server_local_gb",
            server.disks[0]["size_gb"],
            {"id": server.id, "name": server.name, "tenant_id": server.project_id},
        )


def _host(
    tx: Tx,
    host: ComputeHost,
    used: Mapping[str, placement.Usage],
    servers: list[Server],
    aggregates: list[str],
) -> Iterable[Sample]:
    agent = {
        "id": host.service_id,
        "hostname": host.host,
        "service": "nova-compute",
        "zone": host.zone,
        "adminState": "disabled" if host.disabled else "enabled",
        "disabledReason": host.disabled_reason or "",
    }
    yield Sample("openstack_nova_agent_state", int(host.up(tx)), agent)
    labels = {
        "hostname": host.hostname,
        "availability_zone": host.zone,
        "aggregates": ",".join(aggregates),
    }
    taken = {name: usage.used for name, usage in used.items()}
    cpus = taken.get("VCPU", 0) + taken.get("PCPU", 0)
    ram, disk = taken.get("MEMORY_MB", 0), taken.get("DISK_GB", 0)
    busy = sum(server.task_state is not None for server in servers)
    for name, value in (
        ("running_vms", len(servers)),
        ("current_workload", busy),
        ("vcpus_available", host.vcpus),
        ("vcpus_used", cpus),
        ("memory_available_bytes", host.memory_mb * _MIB),
        ("memory_used_bytes", ram * _MIB),
        ("local_storage_available_bytes", host.disk_gb * _GIB),
        ("local_storage_used_bytes", disk * _GIB),
        ("free_disk_bytes", (host.disk_gb - disk) * _GIB),
    ):
        yield Sample(f"openstack_nova_{name}", value, labels)
