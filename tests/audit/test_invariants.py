"""Every invariant is broken on purpose: the audit says so, and the repair mends what it may."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from pileus.app import INVARIANTS
from pileus.compute.flows.power import POWER_FLOW
from pileus.core import desired, flow
from pileus.core.db import Database, Tx
from pileus.core.desired import Desired
from pileus.core.flow import FlowRow
from pileus.core.integrity import INVARIANTS as OF_DATABASES
from pileus.core.parts import Parts
from pileus.image import ImageStore
from pileus.network.driver import Change

from .conftest import Patient

NOBODY = "00000000-0000-4000-8000-000000000000"
HOST = "host-1"
Act = Callable[[Patient], None]


@dataclass(frozen=True)
class Case:
    """A way to break an invariant. `undo`: back by hand, where no repair is allowed."""

    sentence: str
    break_: Act
    undo: Act | None = None


def sql(statement: str, *names: str) -> Act:
    """Run the statement with these attributes of the patient, or literal values, as its values."""

    def act(patient: Patient) -> None:
        patient.sql(statement, *(getattr(patient, name, name) for name in names))

    return act


def a_flow(**values: int) -> Act:
    def act(patient: Patient) -> None:
        def work(tx: Tx) -> None:
            row = flow.start(tx, POWER_FLOW, patient.server, power="running", before="running")
            tx.change(row, wake_at=tx.now + timedelta(**values))

        patient.app.db.run(work)

    return act


def never_ending(tries: int) -> Act:
    def act(patient: Patient) -> None:
        a_flow(minutes=1)(patient)
        patient.sql("update flows set tries = ?", tries)

    return act


def no_desired(patient: Patient) -> None:
    patient.app.db.run(lambda tx: tx.remove_where(Desired, kind="guest", id=patient.server))


def twice(patient: Patient) -> None:
    def work(tx: Tx) -> None:
        row = desired.find(tx, HOST, "guest", patient.server)
        assert row is not None
        other = {"host": "host-2", "spec": row.spec, "state": {"power": "running"}}
        tx.add(Desired(kind="guest", id=row.id, revision=1, observed=1, **other))

    patient.app.db.run(work)


def guest_of_none(patient: Patient) -> None:
    known = patient.machine.compute._guests[patient.server]
    patient.machine.compute._guests[NOBODY] = type(known)(**{**vars(known), "id": NOBODY})


def guest_of_deleted(patient: Patient) -> None:
    """A guest whose server was deleted: its own, of an id that is never used again."""
    other = "11111111-0000-4000-8000-000000000000"
    names = patient.columns("servers", "id", "deleted_at", "host")
    patient.sql(
        f"insert or replace into servers (id, deleted_at, {names})"
        f" select ?, '2020-01-01 00:00:00.000000', {names} from servers where id = ?",
        other,
        patient.server,
    )
    known = patient.machine.compute._guests[patient.server]
    patient.machine.compute._guests[other] = type(known)(**{**vars(known), "id": other})


def a_port(device_id: str, device_owner: str, claimed: int) -> Act:
    """One more port on the patient's network."""
    own = ["id", "mac_address", "host", "device_id", "device_owner", "claimed"]

    def act(patient: Patient) -> None:
        names = patient.columns("ports", *own)
        patient.sql(
            f"insert into ports ({', '.join(own)}, {names}) select ?, 'fa:16:3e:00:00:09', '', ?,"
            f" ?, {claimed}, {names} from ports where id = ?",
            NOBODY,
            device_id,
            device_owner,
            patient.port,
        )

    return act


def lost_guest(patient: Patient) -> None:
    patient.machine.compute.remove(patient.server)


def lost_file(patient: Patient) -> None:
    store = patient.app.parts[ImageStore]
    for image in store.files():
        store.path(image).rename(store.root / "partial" / f"{image}.moved")


def found_file(patient: Patient) -> None:
    root = patient.app.parts[ImageStore].root
    for moved in (root / "partial").glob("*.moved"):
        moved.rename(root / moved.name.removesuffix(".moved"))


def stray_file(patient: Patient) -> None:
    (patient.app.parts[ImageStore].root / NOBODY).write_bytes(b"x")


def stray_tap(patient: Patient) -> None:
    patient.machine.host_network.plug(NOBODY, "tapstray", "fa:16:3e:00:00:01", 1442)


def unplugged(patient: Patient) -> None:
    taps = patient.machine.host_network.plugged()
    patient.machine.host_network.unplug(patient.port, taps[patient.port])


def replugged(patient: Patient) -> None:
    patient.machine.host_network.plug(patient.port, f"tap{patient.port[:11]}", "", 1442)


def lost_switch(patient: Patient) -> None:
    patient.machine.network.apply([Change(("router", patient.router), 1, None)])


def doubled_mac(patient: Patient) -> None:
    patient.sql("alter table ports rename to ports_checked")
    patient.sql("create table ports as select * from ports_checked")
    names = patient.columns("ports", "id")
    patient.sql(
        f"insert into ports (id, {names}) select ?, {names} from ports where id = ?",
        NOBODY,
        patient.port,
    )


def single_mac(patient: Patient) -> None:
    patient.sql("drop table ports")
    patient.sql("alter table ports_checked rename to ports")


CASES = (
    Case(
        "No dedicated processor",
        sql(
            "insert into pinnings (server_id, host_id, cells) select consumer_id, provider_id,"
            """ '[{"cpus":[0,1],"memory_mb":64,"host":0,"pins":[[0,5],[1,5]]}]'"""
            " from placement_allocations where consumer_id = ? and resource_class = 'VCPU'",
            "server",
        ),
        sql("delete from pinnings where server_id = ?", "server"),
    ),
    Case("Every flow that is due", a_flow(minutes=-10)),
    Case("Every flow that is due", never_ending(50), sql("delete from flows")),
    Case("No flow sleeps longer", a_flow(hours=2)),
    Case(
        "Every reference in the database",
        sql("insert into image_tags (image_id, tag) values (?, 'lost')", NOBODY),
        sql("delete from image_tags where tag = 'lost'"),
    ),
    Case("Nothing is allocated beyond", sql("update placement_inventories set used = used + 5")),
    Case(
        "Nothing is allocated beyond",
        sql("update placement_inventories set reserved = total where resource_class = 'VCPU'"),
        sql("update placement_inventories set reserved = 0 where resource_class = 'VCPU'"),
    ),
    Case(
        "Every allocation has a consumer",
        sql(
            "insert into placement_consumers (id, project_id, user_id, consumer_type, generation,"
            " created_at, updated_at) select ?, project_id, user_id, consumer_type, 1, created_at,"
            " updated_at from placement_consumers",
            NOBODY,
        ),
    ),
    Case("Every allocation has a consumer", sql("delete from placement_consumers")),
    Case(
        "Every role assignment has",
        sql(
            "insert into identity_assignments select 'nobody', target_id, role_id, inherited,"
            " actor, target from identity_assignments limit 1"
        ),
    ),
    Case(
        "What users, projects and domains",
        sql(
            "insert into identity_credentials (extra, id, user_id, type, blob, key)"
            " values ('{}', 'x', 'nobody', 'cert', 'x', 1)"
        ),
    ),
    Case(
        "What users, projects and domains",
        sql(
            "insert into identity_trusts (id, trustor_user_id, trustee_user_id, impersonation,"
            " redelegation_count) values ('x', 'nobody', 'nobody', 0, 0)"
        ),
    ),
    Case(
        "Every project's parent",
        sql("update identity_projects set parent_id = 'gone' where name = 'demo'"),
        sql("update identity_projects set parent_id = domain_id where name = 'demo'"),
    ),
    Case(
        "Every endpoint has",
        sql("update identity_endpoints set interface = 'odd' where interface = 'admin'"),
        sql("update identity_endpoints set interface = 'admin' where interface = 'odd'"),
    ),
    Case("Every image has its bytes", lost_file, found_file),
    Case("Every file in the image store", stray_file),
    Case(
        "A server holds its flavor",
        sql("update placement_allocations set used = used + 1 where resource_class = 'VCPU'"),
    ),
    Case("A server holds its flavor", sql("update placement_allocations set consumer_id = 'x'")),
    Case("Every host is asked for", no_desired),
    Case("No guest runs on two hosts", twice, sql("delete from desired where host = 'host-2'")),
    Case("Every host has the guests", lost_guest),
    Case("Every host has the guests", guest_of_deleted),
    Case(
        "Every host has the guests",
        guest_of_none,
        lambda patient: patient.machine.compute.remove(NOBODY),
    ),
    Case(
        "Every host has the guests",
        sql("update servers set generation = generation - 1 where id = ?", "server"),
        sql("update servers set generation = generation + 1 where id = ?", "server"),
    ),
    Case("A server's ports are on", sql("update ports set host = '' where id = ?", "port")),
    Case("A server's ports are on", a_port("gone", "compute:nova", 1)),
    Case(
        "No tag or action",
        sql(
            "insert into instance_actions select ?, request_id, action, user_id, project_id,"
            " message, events, start_time, updated_at from instance_actions limit 1",
            NOBODY,
        ),
    ),
    Case("What quota counts", sql("update servers set vcpus = vcpus + 3")),
    Case(
        "Every unfinished change",
        sql("update servers set task_state = 'powering-on' where id = ?", "server"),
    ),
    Case(
        "Every unfinished change",
        sql("update servers set task_state = 'odd' where id = ?", "server"),
        sql("update servers set task_state = null where id = ?", "server"),
    ),
    Case(
        "Every server has a record",
        sql("update instance_actions set action = 'x' where action = 'create'"),
        sql("update instance_actions set action = 'create' where action = 'x'"),
    ),
    Case("An address, a MAC", doubled_mac, single_mac),
    Case("No router's port", a_port("gone", "network:router_interface", 0)),
    Case("No floating IP without", sql("update floatingips set port_id = ?", NOBODY)),
    Case(
        "No floating IP without",
        sql("delete from floatingips where id = ?", "floating"),
    ),
    Case("No port made for", a_port("", "", 1)),
    Case("Hosts answer metadata", sql("delete from desired where kind = 'metadata'")),
    Case("No tap on a host", stray_tap),
    Case(
        "The data plane is told of",
        sql("delete from topology_changes where kind = 'port' and id = ?", "port"),
    ),
    Case(
        "The data plane is told of",
        sql(
            "insert into topology_changes (kind, id, rank, dirty, revision, done_revision)"
            " values ('router', ?, 3, 0, 1, 1)",
            NOBODY,
        ),
    ),
    Case("The data plane holds what", lost_switch),
    Case("A bound port is ACTIVE", unplugged, replugged),
    Case("A bound port is ACTIVE", sql("update ports set status = 'DOWN' where id = ?", "port")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_a_broken_invariant_is_found_and_mended(patient: Patient, case: Case) -> None:
    case.break_(patient)
    found = [one for one in patient.audit() if one.sentence.startswith(case.sentence)]

    assert found, "the audit saw nothing"
    if case.undo is not None:
        case.undo(patient)
    else:
        assert all(one.violation.does for one in found)
    left = patient.mend()

    assert left == []


# These need a machine or a damaged file of their own; see the tests below and of the overlays.
ELSEWHERE = {"The database file is whole.", "No disks of a guest that is not there."}


def test_every_invariant_is_broken_here() -> None:
    broken = {
        one.sentence
        for one in INVARIANTS
        for case in CASES
        if one.sentence.startswith(case.sentence)
    }

    assert {one.sentence for one in INVARIANTS} - broken == ELSEWHERE


def test_every_sentence_is_an_invariants_own() -> None:
    sentences = [one.sentence for one in INVARIANTS]

    assert len(sentences) == len(set(sentences))


def test_a_damaged_database_file_is_found(tmp_path: Path) -> None:
    from pileus import migrations

    db = Database(f"sqlite:///{tmp_path / 'torn.db'}")
    migrations.upgrade(db)
    with db.engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        root = conn.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'servers'")
        page = root.scalar_one()
    db.close()
    with (tmp_path / "torn.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    check = next(one for one in OF_DATABASES if one.sentence.startswith("The database file"))

    found = db.read(lambda tx: list(check.check(Parts(), tx)))

    db.close()
    assert found and "restore a backup" in str(found[0])


def test_a_flow_of_no_server_is_dropped(patient: Patient) -> None:
    def work(tx: Tx) -> None:
        flow.start(tx, POWER_FLOW, NOBODY, after=60.0, power="running", before="running")

    patient.app.db.run(work)

    assert any(NOBODY in one.detail for one in patient.audit())
    for found in patient.audit():
        assert found.violation.rows is not None
        patient.app.db.run(found.violation.rows)
    assert not patient.app.db.read(lambda tx: tx.exists(FlowRow))


def test_the_page_on_the_audit_lists_every_invariant() -> None:
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    listed = {(row[0].removeprefix("| "), row[1]) for row in rows}

    assert {(one.id, one.sentence) for one in INVARIANTS} == {
        row for row in listed if row[0] not in ("id", "---")
    }
