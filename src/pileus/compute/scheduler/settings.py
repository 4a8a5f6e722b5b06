"""The scheduler's settings, by the names that operators know, from a file of YAML."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from ..pci.alias import Alias
from ..pci.alias import read as read_aliases

# Those that ask nothing of a host unless a flavor, an image, a hint or an aggregate does.
USUAL = (
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "AggregateInstanceExtraSpecsFilter",
    "AggregateMultiTenancyIsolation",
    "AggregateImagePropertiesIsolation",
    "AggregateTypeAffinityFilter",
    "AggregateNumInstancesFilter",
    "AggregateIoOpsFilter",
    "IsolatedHostsFilter",
    "SameHostFilter",
    "DifferentHostFilter",
    "ServerGroupAffinityFilter",
    "ServerGroupAntiAffinityFilter",
    "NUMATopologyFilter",
)
# A host's state, its zone, its room, its devices and its traits are always asked for: these names,
# as classic settings have them, change nothing.
ALWAYS = ("ComputeFilter", "AvailabilityZoneFilter", "AllHostsFilter", "PciPassthroughFilter")
OPTIONAL = ("NumInstancesFilter", "IoOpsFilter", "JsonFilter")


class BadSettings(ValueError):
    """The file does not hold settings of the scheduler; the message says what is wrong."""


@dataclass(frozen=True)
class Settings:
    """What an operator may say of scheduling. docs/scheduling.md tells of each."""

    enabled_filters: tuple[str, ...] = USUAL
    host_subset_size: int = 1
    shuffle_best_same_weighed_hosts: bool = False
    ram_weight_multiplier: float = 1.0
    cpu_weight_multiplier: float = 0.0
    disk_weight_multiplier: float = 0.0
    io_ops_weight_multiplier: float = 0.0
    num_instances_weight_multiplier: float = 0.0
    hypervisor_version_weight_multiplier: float = 0.0
    pci_weight_multiplier: float = 0.0
    soft_affinity_weight_multiplier: float = 1.0
    soft_anti_affinity_weight_multiplier: float = 1.0
    build_failure_weight_multiplier: float = 1000000.0
    max_instances_per_host: int = 50
    max_io_ops_per_host: int = 8
    isolated_hosts: tuple[str, ...] = ()
    isolated_images: tuple[str, ...] = ()
    restrict_isolated_hosts_to_isolated_images: bool = True
    enable_isolated_aggregate_filtering: bool = True
    aggregate_image_properties_isolation_namespace: str = ""
    aggregate_image_properties_isolation_separator: str = "."
    pci_alias: tuple[Alias, ...] = ()


def read(path: Path | None) -> Settings:
    """The settings of this file; without one, the usual ones. Raises BadSettings."""
    if path is None:
        return Settings()
    try:
        found = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise BadSettings(f"{path} cannot be read: {wrong}") from None
    if not isinstance(found, dict):
        raise BadSettings(f"{path} must be a map from the scheduler's settings to their values.")
    return _checked(path, found)


def _checked(path: Path, found: Mapping[str, Any]) -> Settings:
    known = {field.name: field.default for field in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            names = ", ".join(sorted(known))
            raise BadSettings(
                f"{path}: {name!r} is no setting of the scheduler; these are: {names}"
            )
        where = f"{path}: {name}"
        values[name] = (
            _aliases(where, value) if name == "pci_alias" else _value(where, value, known[name])
        )
    filters = values.get("enabled_filters", ())
    for name in filters:
        if name not in (*USUAL, *ALWAYS, *OPTIONAL):
            names = ", ".join(sorted((*USUAL, *ALWAYS, *OPTIONAL)))
            raise BadSettings(f"{path}: there is no filter {name!r}; these are: {names}")
    for name in ("host_subset_size", "max_instances_per_host", "max_io_ops_per_host"):
        if values.get(name, 1) < 1:
            raise BadSettings(f"{path}: {name} must be 1 or more, not {values[name]}.")
    return Settings(**values)


def _aliases(where: str, value: Any) -> tuple[Alias, ...]:
    try:
        return read_aliases(value)
    except ValueError as wrong:
        raise BadSettings(f"{where}: {wrong}.") from None


def _value(where: str, value: Any, usual: Any) -> Any:
    """The value in the type of the usual one."""
    if isinstance(usual, bool):
        right, kind = isinstance(value, bool), "true or false"
    elif isinstance(usual, tuple):
        right = isinstance(value, list) and all(isinstance(one, str) for one in value)
        value, kind = tuple(value) if right else value, "a list of words"
    elif isinstance(usual, str):
        right, kind = isinstance(value, str), "a word"
    else:
        numbers = int if isinstance(usual, int) else (int, float)
        right = isinstance(value, numbers) and not isinstance(value, bool)
        kind = "a whole number" if isinstance(usual, int) else "a number"
    if right and isinstance(value, float) and not math.isfinite(value):
        right = False
    if not right:
        raise BadSettings(f"{where} must be {kind}, not {value!r}.")
    return type(usual)(value)
