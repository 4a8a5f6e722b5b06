"""A cloud on PostgreSQL is backed up while it runs, and put back into another database."""

from pathlib import Path

import pytest

from pileus import migrations, settings
from pileus.backup import BadBackup, restore

from ..cli.test_backup import image_of, make, server_of, servers
from ..cloud import Cloud
from ..postgresql import Server


def test_a_cloud_on_postgresql_is_put_back_into_an_empty_database(
    postgresql: Server, tmp_path: Path
) -> None:
    first, second = postgresql.new_database(), postgresql.new_database()
    cloud = Cloud(tmp_path / "state", database=first)
    image = image_of(cloud.demo, "kept", b"x" * 100_000)
    kept = {server_of(cloud.demo, image, f"kept-{n}") for n in range(2)}
    cloud.settle()
    token = cloud.demo.headers["X-Auth-Token"]
    make(cloud, tmp_path / "file")
    settings.save(cloud.config)
    cloud.close()

    with pytest.raises(BadBackup, match="not empty"):
        restore(tmp_path / "file", tmp_path / "other", migrations.known(), "1")
    restore(tmp_path / "file", tmp_path / "other", migrations.known(), "1", second)
    found = settings.load(tmp_path / "other").database
    other = Cloud(tmp_path / "other", database=second)
    other.settle()
    other.demo.headers["X-Auth-Token"] = token
    shown = servers(other)
    report = other.audit()
    other.close()

    assert found == second
    assert shown == dict.fromkeys(kept, "ACTIVE")
    assert report == []
