import sys
from pathlib import Path

import pytest

from pileus.cli import link


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command of an environment that no shell finds."""
    command = tmp_path / "venv" / "pileus"
    command.parent.mkdir()
    command.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return command


def test_a_link_is_made_and_is_what_to_type(mine: Path, tmp_path: Path):
    assert link.word() == str(mine)

    assert link.put(tmp_path / "bin/pileus")

    assert link.word() == "pileus"


def test_a_link_to_a_checkout_that_is_gone_is_replaced(mine: Path, tmp_path: Path):
    (tmp_path / "bin/pileus").symlink_to(tmp_path / "gone")

    assert link.put(tmp_path / "bin/pileus")

    assert (tmp_path / "bin/pileus").readlink() == mine


def test_another_command_of_that_name_stays(mine: Path, tmp_path: Path):
    other = tmp_path / "bin/pileus"
    other.touch(0o755)

    assert not link.put(other)
    link.take_away(other)

    assert other.exists() and not other.is_symlink()
    assert link.word() == str(mine)


def test_the_own_link_is_taken_away(mine: Path, tmp_path: Path):
    link.put(tmp_path / "bin/pileus")

    link.take_away(tmp_path / "bin/pileus")

    assert not (tmp_path / "bin/pileus").is_symlink()
