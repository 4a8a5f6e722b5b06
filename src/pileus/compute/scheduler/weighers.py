"""The weighers: of the hosts that fit, which is best.

Each weigher's values are brought between 0 and 1 over the hosts that fit, multiplied, and added up.
A multiplier is the operator's setting, or the smallest that the host's aggregates say under the
setting's name. Zero leaves a weigher out.
"""

import random
from collections.abc import Callable, Mapping, Sequence

from ... import placement
from ..host import ComputeHost
from .scene import Scene
from .settings import Settings

# Of each host what it has free, by its id: {resource class: amount}.
Free = Mapping[str, Mapping[str, int]]
Weigher = Callable[[Scene, Free, Sequence[ComputeHost]], list[float]]


def _free(name: str) -> Weigher:
    def weigher(_scene: Scene, free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
        return [free[host.id].get(name, 0) for host in hosts]

    return weigher


def _io_ops(scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
    return [scene.busy_on.get(host.host, 0) for host in hosts]


def _num_instances(scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
    return [scene.servers_on.get(host.host, 0) for host in hosts]


def _version(_scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
    return [host.hypervisor_version for host in hosts]


def _build_failure(_scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
    return [-(host.build_failures or 0) for host in hosts]


def _pci(scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
    # Fewer is better, for a server that asks for some as well: so they are not scattered.
    return [-scene.free_devices.get(host.id, 0) for host in hosts]


def _soft(policy: str, sign: int) -> Weigher:
    def weigher(scene: Scene, _free: Free, hosts: Sequence[ComputeHost]) -> list[float]:
        if scene.group is None or scene.group.policy != policy:
            return [0.0] * len(hosts)
        return [sign * scene.mates_on.get(host.host, 0) for host in hosts]

    return weigher


# By the names of their settings, without "_weight_multiplier".
_WEIGHERS: Mapping[str, Weigher] = {
    "ram": _free("MEMORY_MB"),
    "cpu": _free("VCPU"),
    "disk": _free("DISK_GB"),
    "io_ops": _io_ops,
    "num_instances": _num_instances,
    "hypervisor_version": _version,
    "pci": _pci,
    "soft_affinity": _soft("soft-affinity", 1),
    "soft_anti_affinity": _soft("soft-anti-affinity", -1),
    "build_failure": _build_failure,
}
_SUFFIX = "_weight_multiplier"
_MUCH = 10_000  # more than servers fail in a row on one host
_CHANCE = random.SystemRandom()
# What the quick road heeds otherwise than by weighing: it takes no wish of a group with a soft
# policy, and no host that failed lately.
_APART = ("ram", "soft_affinity", "soft_anti_affinity", "build_failure")


def memory_alone(scene: Scene) -> bool:
    """Whether the host with most memory free is the best one, all else being equal.

    Then nothing need be weighed: the index has hosts in that order.
    """
    settings = scene.settings
    if settings.host_subset_size > 1 or settings.shuffle_best_same_weighed_hosts:
        return False
    memory, failures = settings.ram_weight_multiplier, settings.build_failure_weight_multiplier
    if memory <= 0 or (failures and failures < memory * _MUCH):
        return False  # else a host that failed comes after all that did not, whatever they have
    if any(_multiplier(settings, name) for name in _WEIGHERS if name not in _APART):
        return False
    if scene.group is not None and scene.group.policy.startswith("soft-"):
        return False
    return not any(key.endswith(_SUFFIX) for one in scene.aggregates for key in one.meta)


def _multiplier(settings: Settings, name: str) -> float:
    found: float = getattr(settings, name + _SUFFIX)
    return found


def ranked(scene: Scene, free: Free, hosts: Sequence[ComputeHost]) -> list[ComputeHost]:
    """The hosts, the best first; equals by name backwards, or in any order if so set."""
    weights = dict.fromkeys((host.id for host in hosts), 0.0)
    free = _all_free(scene, free, hosts)
    for name, weigher in _WEIGHERS.items():
        usual, own = _multiplier(scene.settings, name), scene.smallest(name + _SUFFIX)
        if not usual and not own:
            continue
        for host, weight in zip(hosts, _even(weigher(scene, free, hosts)), strict=True):
            weights[host.id] += own.get(host.host, usual) * weight
    order = sorted(hosts, key=lambda host: host.host, reverse=True)
    if scene.settings.shuffle_best_same_weighed_hosts:
        _CHANCE.shuffle(order)
    return sorted(order, key=lambda host: -weights[host.id])


def _all_free(scene: Scene, free: Free, hosts: Sequence[ComputeHost]) -> Free:
    """With what is free of the classes that are weighed, where the wish asks for none of them."""
    if all({"MEMORY_MB", "VCPU", "DISK_GB"} <= free[host.id].keys() for host in hosts):
        return free
    found: dict[str, dict[str, int]] = {}
    for id, classes in placement.usages(scene.tx).items():
        found[id] = {
            name: int((one.total - one.reserved) * one.ratio) - one.used
            for name, one in classes.items()
        }
    return {host.id: found.get(host.id, {}) for host in hosts}


def _even(values: list[float]) -> list[float]:
    """The values between 0 and 1; all 0 where they are equal."""
    least, most = min(values, default=0.0), max(values, default=0.0)
    if least == most:
        return [0.0] * len(values)
    return [(value - least) / (most - least) for value in values]


def chosen(scene: Scene, best: Sequence[ComputeHost]) -> ComputeHost:
    """The first of the ranked hosts, or any of the first host_subset_size."""
    return _CHANCE.choice(best[: scene.settings.host_subset_size])
