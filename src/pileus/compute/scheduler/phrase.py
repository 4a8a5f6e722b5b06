"""What was asked of hosts' providers, in the words of a funnel."""

from ... import placement
from .wish import Wish


def phrase(wish: Wish, slot: placement.Slot | None) -> str:
    """What the slot takes, such as "1 FPGA free, with CUSTOM_FAST, in group 1"."""
    if slot is None or wish.request is None:
        return "all of it together"
    amounts = " and ".join(f"{n} {name}" for name, n in sorted(slot.resources.items()))
    group = wish.request.groups[slot.suffix]
    said = [f"{amounts} free"]
    if slot.suffix:
        said += [f"with {name}" for one in group.required for name in sorted(one)]
    said += [f"without {name}" for name in sorted(group.forbidden)]
    return ", ".join([*said, f"in group {slot.suffix}"] if slot.suffix else said)
