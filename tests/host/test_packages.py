from pathlib import Path

from pileus.host import packages


def test_missing_names_only_what_is_not_installed():
    assert packages.missing(["dpkg", "no-such-package-as-this"]) == ["no-such-package-as-this"]


def test_nothing_missing_installs_nothing(tmp_path: Path):
    assert packages.install(tmp_path, ["dpkg"]) == []
    assert packages.ours(tmp_path) == []
    assert packages.uninstall(tmp_path) == []
