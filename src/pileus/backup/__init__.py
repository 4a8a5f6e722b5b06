"""Backups: the whole control plane's state in one file, made while it runs, and put back.

What runs on hosts (guests, their disks, taps) is not the control plane's state and not in it.
"""

from .manifest import BadBackup, Manifest
from .read import restore
from .write import backup

__all__ = ["BadBackup", "Manifest", "backup", "restore"]
