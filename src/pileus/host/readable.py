"""Waiting for a descriptor, of however many the process has open: select() knows 1,024 only."""

import select


def readable(end: int, seconds: float) -> bool:
    """Whether something can be read of the descriptor, or its end seen, within these seconds."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
