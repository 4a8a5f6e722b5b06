"""The auditor: what it logs, counts, repairs and cannot see."""

import logging
from pathlib import Path

import pytest

from pileus.core.auditor import Auditor
from pileus.core.backend import Broken

from ..cli.test_commands import Machine, machine
from ..cloud import Cloud
from .conftest import Patient

__all__ = ["machine"]
_WRONG = "update placement_inventories set used = used + 7 where resource_class = 'VCPU'"
_RIGHT = "update placement_inventories set used = used - 7 where resource_class = 'VCPU'"


@pytest.fixture
def auditor(patient: Patient) -> Auditor:
    return patient.app.auditor


def metrics(auditor: Auditor) -> dict[str, float]:
    return {f"{one.name}{one.labels.get('invariant', '')}": one.value for one in auditor.samples()}


def test_a_finding_is_logged_when_it_comes_and_when_it_goes(
    patient: Patient, auditor: Auditor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pileus.core.auditor")
    patient.sql(_WRONG)

    auditor.look()
    auditor.look()
    patient.sql(_RIGHT)
    auditor.look()
    auditor.look()

    said = [record.getMessage() for record in caplog.records]
    assert [line.startswith("audit: I1: mended") for line in said] == [False, True]


def test_the_metrics_say_what_was_found(patient: Patient, auditor: Auditor) -> None:
    patient.sql(_WRONG)

    auditor.look()
    wrong = metrics(auditor)
    patient.sql(_RIGHT)
    auditor.look()

    assert wrong["pileus_audit_findingsI1"] == 1 and wrong["pileus_audit_findingsI9"] == 0
    assert metrics(auditor)["pileus_audit_findingsI1"] == 0
    assert wrong["pileus_audit_seconds"] > 0
    assert wrong["pileus_audit_last_success_timestamp_seconds"] > 0


def test_a_repair_says_what_it_did_and_looks_again(patient: Patient, auditor: Auditor) -> None:
    patient.sql(_WRONG)

    before, done, after = auditor.repair()

    assert [one.id for one in before.findings] == ["I1"]
    assert [(one.finding.id, one.fault) for one in done] == [("I1", "")]
    assert not after.findings


def test_what_cannot_be_looked_at_is_said(patient: Patient, auditor: Auditor) -> None:
    for _ in range(3):
        patient.machine.compute.fail_next("observe", Broken("the hypervisor is away"))

    report = auditor.look()

    assert "the hypervisor is away" in report.blind[0]
    assert not report.findings


def test_the_loop_audits_only_when_it_is_due(patient: Patient, auditor: Auditor) -> None:
    loop = auditor.loop(600)
    before = metrics(auditor)["pileus_audit_last_success_timestamp_seconds"]

    loop.once()
    early = metrics(auditor)["pileus_audit_last_success_timestamp_seconds"]
    patient.clock.advance(601)
    loop.once()

    assert early == before < metrics(auditor)["pileus_audit_last_success_timestamp_seconds"]


def test_a_running_cloud_exports_the_audit(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "state")

    text = cloud.admin.get("/metrics").text

    cloud.close()
    assert 'pileus_audit_findings{invariant="I1"} 0.0' in text


def test_the_command_repairs_and_its_exit_status_says_how_it_is(machine: Machine) -> None:
    import sqlite3

    assert machine.up().returncode == 0
    with sqlite3.connect(machine.state / "pileus.db") as raw:
        raw.execute(_WRONG)
        raw.execute("update identity_endpoints set interface = 'odd' where interface = 'admin'")

    found = machine.run("audit")
    mended = machine.run("audit", "--repair")
    with sqlite3.connect(machine.state / "pileus.db") as raw:
        raw.execute("update identity_endpoints set interface = 'admin' where interface = 'odd'")
    clean = machine.run("audit")
    machine.run("down")
    away = machine.run("audit")

    assert found.returncode == 1 and "`pileus audit --repair` mends" in found.stdout
    assert mended.returncode == 1 and "counted again" in mended.stdout
    assert clean.returncode == 0, clean.stdout
    assert away.returncode == 2


def test_a_guest_of_no_server_is_removed_only_by_order(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "state")
    guests = cloud.machine.compute._guests
    image = cloud.admin.get("/image/v2/images").json()["images"][0]["id"]
    body = {"name": "a", "flavorRef": "42", "imageRef": image, "networks": "none"}
    headers = {"OpenStack-API-Version": "compute 2.90"}
    made = cloud.demo.post("/compute/v2.1/servers", json={"server": body}, headers=headers)
    server = made.json()["server"]["id"]
    cloud.settle()
    stray = "00000000-0000-4000-8000-000000000000"
    guests[stray] = type(guests[server])(**{**vars(guests[server]), "id": stray})
    key = {"X-Pileus-Key": (cloud.config.state / "control.key").read_text()}

    mended = cloud.admin.post("/pileus/audit", headers=key).json()
    owned = cloud.admin.post(f"/pileus/audit?remove-guest={server}", headers=key)
    ordered = cloud.admin.post(f"/pileus/audit?remove-guest={stray}", headers=key)

    left = set(guests)
    cloud.close()
    assert [stray in one["detail"] for one in mended["findings"]] == [True]
    assert owned.status_code == 409
    assert ordered.json()["findings"] == [] and left == {server}
