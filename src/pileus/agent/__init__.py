"""The host agent: makes its own host look as the control plane says, and reports what it sees."""

from .agent import Agent
from .channel import Channel, LocalChannel
from .duty import Duty, Handler
from .identity import Identity
from .link import Link
from .upstairs import Upstairs

__all__ = ["Agent", "Channel", "Duty", "Handler", "Identity", "Link", "LocalChannel", "Upstairs"]
