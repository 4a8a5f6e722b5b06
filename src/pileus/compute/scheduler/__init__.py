"""The scheduler: which host a server goes to, and why no other."""

from .funnel import Funnel, NoValidHost
from .scheduler import Scheduler
from .settings import BadSettings, Settings
from .settings import read as read_settings
from .wish import Wish, resized, wish_of

__all__ = [
    "BadSettings",
    "Funnel",
    "NoValidHost",
    "Scheduler",
    "Settings",
    "Wish",
    "read_settings",
    "resized",
    "wish_of",
]
