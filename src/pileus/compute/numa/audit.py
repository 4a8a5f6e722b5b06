"""What must hold of dedicated processors."""

from collections import Counter
from collections.abc import Iterable

from ...core.audit import Invariant
from ...core.db import Tx
from ...core.parts import Parts
from ...host.processors import written
from ..host import ComputeHost
from .pinning import taken


def _once(_parts: Parts, tx: Tx) -> Iterable[str]:
    pins = {
        host_id: Counter(pin for cell in cells for _, pin in cell.pins)
        for host_id, cells in taken(tx, "").items()
    }
    names = {one.id: one.host for one in tx.all(ComputeHost, id=list(pins))} if pins else {}
    for host_id, counted in sorted(pins.items()):
        twice = [pin for pin, count in counted.items() if count > 1]
        if twice:
            yield f"host {names.get(host_id, host_id)}: {written(twice)}"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I1", "No dedicated processor of a host is given twice.", _once),
)
