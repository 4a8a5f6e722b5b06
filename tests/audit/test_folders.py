"""Disks whose guest is gone: removed only when their server's row says that it was deleted."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pileus.compute.driver import ComputeDriver, ImageFiles
from pileus.compute.drivers.overlay import Overlays
from pileus.compute.drivers.simulated import SimulatedCompute

from .conftest import Patient

LOST = "22222222-0000-4000-8000-000000000000"


class WithFolders(SimulatedCompute):
    """A simulated host that keeps its guests' disks in folders, as the real one does."""

    def __init__(self, root: Path, images: ImageFiles) -> None:
        super().__init__("host-1", images)
        self.overlays = Overlays(root, images)

    def folders(self) -> Mapping[str, Path]:
        return self.overlays.folders()

    def remove(self, guest_id: str) -> None:
        super().remove(guest_id)
        self.overlays.remove(guest_id)


@pytest.fixture
def driver(patient: Patient, tmp_path: Path) -> WithFolders:
    made = WithFolders(tmp_path, patient.machine.upstairs)
    (tmp_path / "_base").mkdir()
    (tmp_path / LOST).mkdir()
    (tmp_path / LOST / "disk").write_bytes(b"all that is left")
    return made


def sees(patient: Patient, driver: WithFolders) -> list[tuple[str, str]]:
    parts, before = patient.app.parts, patient.app.parts[ComputeDriver]
    parts.add(driver, ComputeDriver)
    try:
        found = [one for one in patient.audit() if one.sentence.startswith("No disks of a guest")]
        for one in found:
            if one.violation.outside is not None:
                one.violation.outside()
        return [(one.detail, one.violation.does) for one in found]
    finally:
        parts.add(before, ComputeDriver)


def test_disks_of_an_unknown_server_are_reported_and_kept(
    patient: Patient, driver: WithFolders
) -> None:
    ((detail, does),) = sees(patient, driver)

    assert f"--remove-guest {LOST}" in detail and does == ""
    assert (driver.folders()[LOST] / "disk").exists()


def test_disks_of_a_deleted_server_are_removed(patient: Patient, driver: WithFolders) -> None:
    names = patient.columns("servers", "id", "deleted_at", "host")
    patient.sql(
        f"insert into servers (id, deleted_at, {names}) select ?, created_at, {names}"
        " from servers where id = ?",
        LOST,
        patient.server,
    )

    found = sees(patient, driver)

    patient.sql("delete from servers where id = ?", LOST)
    assert [does for _, does in found] == ["the folder is removed: its server was deleted"]
    assert LOST not in driver.folders()
