"""The metrics that identity computes, and what it tells other services."""

from pileus.identity import project_exists, project_names, samples, user_names

from ...cloud import Cloud


def test_samples_have_the_exporters_names_and_the_right_numbers(fresh_cloud: Cloud):
    found = fresh_cloud.app.db.read(lambda tx: list(samples(tx)))

    values = {s.name: s.value for s in found if not s.labels}
    assert values["openstack_identity_users"] == 2
    assert values["openstack_identity_projects"] == 3
    assert values["openstack_identity_domains"] == 1
    info = [s for s in found if s.name == "openstack_identity_project_info"]
    assert {s.labels["name"] for s in info} == {"admin", "demo", "service"}


def test_names_leave_out_what_is_gone(cloud: Cloud):
    db, user, project = cloud.app.db, cloud.demo.user_id, cloud.demo.project_id

    assert db.read(lambda tx: user_names(tx, [user, "gone"])) == {user: "demo"}
    assert db.read(lambda tx: project_names(tx, [project, "gone"])) == {project: "demo"}
    assert db.read(lambda tx: project_exists(tx, project))
    assert not db.read(lambda tx: project_exists(tx, "gone"))


def test_the_same_seed_gives_the_same_ids(fresh_cloud: Cloud, cloud: Cloud):
    assert fresh_cloud.admin.user_id == cloud.admin.user_id
    assert fresh_cloud.demo.project_id == cloud.demo.project_id
