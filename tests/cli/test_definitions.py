"""`pileus definitions` loads namespaces from files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pileus import settings
from pileus.cli import main

from ..cloud import Cloud


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path / "state", start=False)
    settings.save(cloud.config)
    yield cloud
    cloud.close()


def test_definitions_are_loaded_once(saved: Cloud, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    body = {"namespace": "Test::File", "visibility": "public"}
    (folder / "one.json").write_text(json.dumps(body))
    words = ["definitions", str(folder), "--state", str(saved.config.state)]

    first = CliRunner().invoke(main, words)
    again = CliRunner().invoke(main, words)

    assert first.output == "1 namespaces loaded.\n"
    assert again.output == "0 namespaces loaded, 1 left as they are.\n"
    shown = saved.demo.get("/image/v2/metadefs/namespaces/Test::File")
    assert shown.json()["visibility"] == "public"


def test_wrong_words_are_told(saved: Cloud, tmp_path: Path) -> None:
    words = ["definitions", str(tmp_path), "--state", str(saved.config.state)]

    assert "no *.json" in CliRunner().invoke(main, words).output
    both = CliRunner().invoke(main, [*words, "--merge", "--replace"])
    assert "choose one" in both.output
    nowhere = CliRunner().invoke(main, ["definitions", str(tmp_path), "--state", str(tmp_path)])
    assert "There is no cloud" in nowhere.output
