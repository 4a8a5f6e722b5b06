"""The user's clouds.yaml keeps every line that is not ours."""

from pathlib import Path

import yaml

from pileus.cli import clouds

OURS = {"pileus": {"auth": {"auth_url": "http://127.0.0.1:1/identity"}}}
THEIRS = """# my clouds
clouds:
  work:   # the big one
    auth:
      auth_url: https://example.org
  home:
    auth: {auth_url: http://home}
other: 1
"""


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "clouds.yaml"

    clouds.write(file, OURS)

    assert file.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(file.read_text()) == {"clouds": OURS}


def test_other_entries_and_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(THEIRS)

    clouds.write(file, OURS)

    text = file.read_text()
    assert [line for line in THEIRS.splitlines() if line not in text.splitlines()] == []
    assert yaml.safe_load(text)["clouds"]["pileus"] == OURS["pileus"]


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(THEIRS)
    clouds.write(file, OURS)
    once = file.read_text()

    clouds.write(file, OURS)

    assert file.read_text() == once


def test_removing_brings_the_file_back(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(THEIRS)
    clouds.write(file, OURS)

    clouds.remove(file, {"pileus"})

    assert file.read_text() == THEIRS


def test_a_file_in_flow_style_keeps_its_meaning(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {work: {auth: {}}}\n")

    clouds.write(file, OURS)

    assert yaml.safe_load(file.read_text()) == {"clouds": {"work": {"auth": {}}} | OURS}
