"""Metrics that services compute from rows, under the openstack-exporter's names."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One gauge value: `openstack_nova_total_vms`, its labels and the number."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
