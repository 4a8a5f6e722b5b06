"""Secrets at rest."""

import stat
from pathlib import Path

import pytest

from pileus.core.vault import Vault


def test_what_is_sealed_is_opened_by_the_same_key_and_by_no_other(tmp_path: Path) -> None:
    sealed = Vault.at(tmp_path / "key").seal("hunter2")

    assert "hunter2" not in sealed
    assert Vault.at(tmp_path / "key").open(sealed) == "hunter2"
    with pytest.raises(ValueError, match="another key"):
        Vault().open(sealed)


def test_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    Vault.at(tmp_path / "key")

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nonsense")

    with pytest.raises(ValueError, match="key"):
        Vault.at(tmp_path / "key")


def test_the_same_is_sealed_alike_so_that_it_can_be_compared() -> None:
    vault = Vault()

    assert vault.seal_json({"a": 1, "b": 2}) == vault.seal_json({"b": 2, "a": 1})


def test_a_document_is_opened_wherever_something_in_it_is_sealed() -> None:
    vault = Vault()
    document = {
        "drive": vault.seal_json({"pass": "hunter2"}),
        "list": [1, {"$sealed": "x", "y": 1}],
    }

    assert vault.opened(document) == {
        "drive": {"pass": "hunter2"},
        "list": [1, {"$sealed": "x", "y": 1}],
    }
