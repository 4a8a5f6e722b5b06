import gzip
from pathlib import Path

import pytest

from pileus.host.images import cpio
from pileus.host.images.cache import built


def test_same_recipe_is_built_once(tmp_path: Path):
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "disk").write_text("bytes")

    first = built(tmp_path, "thing", "recipe", make)
    again = built(tmp_path, "thing", "recipe", make)

    assert first == again
    assert len(made) == 1
    assert (again / "disk").read_text() == "bytes"


def test_other_recipe_is_another_build(tmp_path: Path):
    first = built(tmp_path, "thing", "recipe", lambda _: None)

    assert built(tmp_path, "thing", "other recipe", lambda _: None) != first


def test_failed_build_leaves_nothing_and_can_be_repeated(tmp_path: Path):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        built(tmp_path, "thing", "recipe", fail)

    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
    assert built(tmp_path, "thing", "recipe", lambda _: None).is_dir()


def test_archive_keeps_files_modes_and_links(tmp_path: Path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_text("#!/bin/sh\n")
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "link").symlink_to("tool")

    cpio.archive(root, tmp_path / "archive")

    packed = gzip.decompress((tmp_path / "archive").read_bytes())
    assert packed.count(b"070701") == 4  # the folder, its two files and the end mark
    assert len(packed) % 4 == 0
    assert b"%08X" % 0o100755 in packed
    assert b"bin/link\0" in packed
