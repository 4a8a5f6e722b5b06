"""What an image's properties ask of a host, and hosts that are kept for some images."""

import re
from collections.abc import Iterator

from ...host import ComputeHost
from ..scene import Scene
from ..wish import Wish
from .check import Check

_VERSION = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)*)\s*")
_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def _asked(wish: Wish, *names: str) -> str:
    """The property, by its present name or by one that it had."""
    return next((wish.image[name].lower() for name in names if wish.image.get(name)), "")


def properties(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """ImagePropertiesFilter: architecture, hypervisor and virtual machine mode."""
    if arch := _asked(wish, "hw_architecture", "architecture"):
        arch = _ARCHITECTURES.get(arch, arch)
        yield f"image's architecture {arch}", lambda host: host.arch.lower() == arch
    if kind := _asked(wish, "img_hv_type", "hypervisor_type"):
        yield f"image's hypervisor {kind}", lambda host: kind in _kinds(host)
    if mode := _asked(wish, "hw_vm_mode", "vm_mode"):
        # Every driver there is runs hardware virtual machines, and nothing else.
        yield f"image's mode {mode}", lambda host: mode == "hvm"
    if asked := _asked(wish, "img_hv_requested_version", "hypervisor_version_requires"):
        yield f"image's hypervisor version {asked}", lambda host: _newer(host, asked)


def _kinds(host: ComputeHost) -> set[str]:
    """A simulated host stands for one of QEMU, emulated or with KVM."""
    kind = host.hypervisor_type.lower()
    return {kind, "qemu", "kvm"} if kind in ("qemu", "simulated") else {kind}


def _newer(host: ComputeHost, asked: str) -> bool:
    """Whether the version meets all of these (">=6.2,<8"); what cannot be read is not met."""
    number = host.hypervisor_version
    own = (number // 1_000_000, number // 1000 % 1000, number % 1000)
    for one in asked.split(","):
        found = _VERSION.fullmatch(one)
        if found is None:
            return False
        wanted = tuple(int(part) for part in f"{found[2]}.0.0".split(".")[:3])
        sign = found[1]
        if not (
            (own == wanted and sign in ("==", ">=", "<="))
            or (own > wanted and sign in (">", ">=", "!="))
            or (own < wanted and sign in ("<", "<=", "!="))
        ):
            return False
    return True


def isolation(wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateImagePropertiesIsolation: properties are among what the host's aggregates name.

    A host whose aggregates say nothing of a property takes any image.
    """
    settings = scene.settings
    space = settings.aggregate_image_properties_isolation_namespace
    prefix = space + settings.aggregate_image_properties_isolation_separator if space else ""
    said = scene.said(lambda key: key.startswith(prefix) and key in wish.image)
    if said:
        yield (
            "open to the image's properties",
            lambda host: all(
                wish.image[key] in [one.strip() for one in value.split(",")]
                for meta in said.get(host.host, ())
                for key, value in meta.items()
            ),
        )


def isolated(wish: Wish, scene: Scene) -> Iterator[Check]:
    """IsolatedHostsFilter: isolated images run on isolated hosts."""
    settings = scene.settings
    if not settings.isolated_hosts:
        return
    if wish.image_id in settings.isolated_images:
        yield "kept for isolated images", lambda host: host.host in settings.isolated_hosts
    elif settings.restrict_isolated_hosts_to_isolated_images:
        yield "not kept for isolated images", lambda host: host.host not in settings.isolated_hosts
