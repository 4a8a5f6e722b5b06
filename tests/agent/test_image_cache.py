"""What a joined host keeps of the images that it has fetched."""

import os
import time
from pathlib import Path

from pileus.agent.image_cache import ImageCache

_DAYS = 2 * 24 * 3600


def _came(cache: ImageCache, image_id: str, days_ago: bool = False) -> Path:
    part = cache.part(image_id)
    part.write_bytes(b"bytes")
    file = cache.keep(part, image_id, "qcow2")
    if days_ago:
        os.utime(file, (time.time() - _DAYS,) * 2)
    return file


def test_an_image_that_came_whole_is_found(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)

    file = _came(cache, "one")

    assert cache.find("one") == file
    assert cache.find("two") is None


def test_an_image_in_part_is_not_found(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)

    cache.part("one").write_bytes(b"by")

    assert cache.find("one") is None


def test_what_was_long_unused_makes_room_for_the_next(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)
    old = _came(cache, "old", days_ago=True)
    lost = cache.part("lost")
    lost.write_bytes(b"by")
    os.utime(lost, (time.time() - _DAYS,) * 2)

    cache.part("new")

    assert not old.exists() and not lost.exists()


def test_an_image_that_is_used_stays(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)
    old = _came(cache, "old", days_ago=True)
    cache.find("old")

    cache.part("new")

    assert old.exists()
