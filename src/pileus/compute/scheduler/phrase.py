"""What was asked of hosts' providers, in the words of a funnel."""

from collections import Counter

from ... import placement
from ..demand import devices
from .wish import Wish

_TOGETHER = "all of it together"


def phrase(wish: Wish, slot: placement.Slot | None) -> str:
    """What the slot takes, such as "1 FPGA free, with CUSTOM_FAST, in group 1"."""
    owned = devices(wish.flavor)
    if slot is None or wish.request is None:
        counts = Counter(alias for alias, _ in owned.values())
        each = ", ".join(f"{alias}:{count}" for alias, count in sorted(counts.items()))
        return f"PciPassthroughFilter: {each}, and all else together" if each else _TOGETHER
    if slot.suffix in owned:
        return f"PciPassthroughFilter: a device {owned[slot.suffix][0]}"
    amounts = " and ".join(f"{n} {name}" for name, n in sorted(slot.resources.items()))
    group = wish.request.groups[slot.suffix]
    said = [f"{amounts} free"]
    if slot.suffix:
        said += [f"with {name}" for one in group.required for name in sorted(one)]
    said += [f"without {name}" for name in sorted(group.forbidden)]
    return ", ".join([*said, f"in group {slot.suffix}"] if slot.suffix else said)
