"""Images that a joined host has fetched; guests keep what they need of one by their own link."""

import contextlib
import os
import time
import uuid
from pathlib import Path

_KEPT = 24 * 3600.0  # seconds after an image's last use
_PART = ".part"


class ImageCache:
    """A folder of images. Several hosts of one machine may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, image_id: str) -> Path | None:
        """The image's file, which this counts as used."""
        for file in self._folder.glob(f"{image_id}.*"):
            if file.suffix != _PART:
                with contextlib.suppress(FileNotFoundError):
                    os.utime(file)
                    return file
        return None

    def part(self, image_id: str) -> Path:
        """Where to write an image that is coming; what has not been used for a day makes room."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room()
        return self._folder / f"{image_id}.{uuid.uuid4().hex}{_PART}"

    def keep(self, part: Path, image_id: str, disk_format: str) -> Path:
        """The image has come whole: its file from now on."""
        return part.rename(self._folder / f"{image_id}.{disk_format}")

    def _make_room(self) -> None:
        """Remove images long unused, and parts whose process was killed."""
        oldest = time.time() - _KEPT
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest:
                    file.unlink()
