"""Rules of the house about files."""

from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/pileus"
FILES = sorted(p for p in SOURCE.rglob("*.py") if "versions" not in p.parts)
FORBIDDEN = {"utils", "helpers", "common", "manager", "base", "misc"}


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_short_and_says_what_it_is(file: Path) -> None:
    lines = file.read_text().splitlines()

    assert len(lines) <= 500, "split it, or write down why not"
    assert file.stem not in FORBIDDEN
    assert not lines or lines[0].startswith('"""')


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_clock_reads_the_time_of_day(file: Path) -> None:
    # Daemons of the machine, its files, the console's uptime and certificates live in its time.
    if file.parts[-2] in ("host", "images", "cli", "drivers") or file.name in (
        "clock.py",
        "console.py",
        "image_cache.py",
        "app.py",
        "ssh_key.py",
    ):
        return
    text = file.read_text()

    assert "datetime.now(" not in text
    assert "time.time(" not in text
