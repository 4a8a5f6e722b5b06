"""The host agent: makes its own host look as the control plane says, and reports what it sees."""

from .agent import Agent, Handler
from .channel import Channel, LocalChannel

__all__ = ["Agent", "Channel", "Handler", "LocalChannel"]
