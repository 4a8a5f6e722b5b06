"""What a filter is."""

from collections.abc import Callable, Iterable

from ...host import ComputeHost
from ..scene import Scene
from ..wish import Wish

# What is asked, as a funnel says it, and whether a host is kept.
Check = tuple[str, Callable[[ComputeHost], bool]]
# All that a filter asks for this wish; nothing, where the wish is none of its business.
Filter = Callable[[Wish, Scene], Iterable[Check]]
