"""Thousands of simulated hosts in a few processes, each an agent of its own to the control plane.

Every host has its own key, certificate, connection and guests, and speaks the protocol that a real
host speaks; only what is behind its drivers is made up.
"""

from .plan import Plan
from .weather import Weather

__all__ = ["Plan", "Weather"]
