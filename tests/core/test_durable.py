"""Commits are made durable together."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pileus.core.durable import WalSync


def test_one_sync_serves_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.db-wal").write_bytes(b"committed")
    disk, begun, go, syncs = WalSync(tmp_path / "x.db"), threading.Event(), threading.Event(), []

    def slow(file: int) -> None:
        syncs.append(file)
        begun.set()
        assert go.wait(30)

    monkeypatch.setattr(os, "fdatasync", slow)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(disk.wait)
        assert begun.wait(30)
        others = [pool.submit(disk.wait) for _ in range(8)]
        while disk._asked < 9:
            threading.Event().wait(0.001)
        go.set()
        for one in (first, *others):
            one.result(30)

    # The first call began before the others had committed, so they need another; one, not eight.
    assert len(syncs) == 2


def test_a_failed_sync_is_told_and_the_next_one_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.db-wal").write_bytes(b"committed")
    disk = WalSync(tmp_path / "x.db")

    def full(_file: int) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="gone"):
            disk.wait()

    disk.wait()


def test_a_log_that_is_gone_holds_nothing_back(tmp_path: Path) -> None:
    WalSync(tmp_path / "x.db").wait()
