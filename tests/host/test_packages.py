from pathlib import Path

import pytest

from pileus.host import packages
from pileus.host.place import HostError


def test_missing_names_only_what_is_not_installed():
    assert packages.missing(["dpkg", "no-such-package-as-this"]) == ["no-such-package-as-this"]


def test_nothing_missing_installs_nothing(tmp_path: Path):
    assert packages.install(tmp_path, ["dpkg"]) == []
    assert packages.ours(tmp_path) == []
    assert packages.uninstall(tmp_path) == []


def test_a_half_installed_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dpkg(tmp_path, monkeypatch, "unpacked half\ninstalled whole\n")

    assert packages.missing(["half", "whole"]) == ["half"]


def test_what_a_broken_off_installation_left_is_ours_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dpkg(tmp_path, monkeypatch, "half-configured half\nconfig-files settings\nnot-installed gone\n")
    (tmp_path / "packages.json").write_text('["gone", "half", "never", "settings"]')

    assert packages.ours(tmp_path) == ["half", "settings"]


def test_without_dpkg_the_error_names_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HostError, match="Debian 12"):
        packages.missing(["dpkg"])


def dpkg(folder: Path, monkeypatch: pytest.MonkeyPatch, states: str) -> None:
    """A machine whose dpkg knows these packages."""
    query = folder / "dpkg-query"
    query.write_text(f"#!/bin/sh\nprintf '%s' '{states}'\n")
    query.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
