"""Rescuing servers."""

from typing import Any

import pytest

from .conftest import Compute


def test_a_server_is_rescued_and_unrescued(compute: Compute) -> None:
    server_id = compute.boot("sick")

    answer = compute.act(server_id, rescue={"adminPass": "pw", "rescue_image_ref": compute.image})

    assert (answer.status_code, answer.json()) == (200, {"adminPass": "pw"})
    compute.until(server_id, "RESCUE")
    assert compute.act(server_id, unrescue=None).status_code == 202
    compute.until(server_id, "ACTIVE")
    compute.remove(server_id)


def test_a_password_is_made_where_none_is_given(compute: Compute) -> None:
    server_id = compute.boot("password")

    assert compute.act(server_id, rescue=None).json()["adminPass"]

    compute.until(server_id, "RESCUE")
    compute.remove(server_id)


@pytest.mark.parametrize(
    "body",
    [
        {"rescue_image_ref": "x"},
        {"rescue_image_ref": "00000000-0000-4000-8000-000000000000"},
        {"adminPass": 1},
        {"fly": True},
        "now",
    ],
)
def test_a_rescue_that_cannot_be_is_a_400(compute: Compute, body: Any) -> None:
    server_id = compute.boot("bad")

    assert compute.act(server_id, rescue=body).status_code == 400

    compute.remove(server_id)


def test_wrong_states_and_a_lock_are_409(compute: Compute) -> None:
    server_id = compute.boot("states")
    early = compute.act(server_id, unrescue=None)
    compute.act(server_id, lock=None)
    locked = compute.act(server_id, rescue=None)
    compute.act(server_id, unlock=None)
    compute.act(server_id, rescue=None)
    compute.until(server_id, "RESCUE")
    others = [compute.act(server_id, **{verb: None}) for verb in ("os-stop", "pause", "rescue")]

    assert {answer.status_code for answer in (early, locked, *others)} == {409}
    compute.remove(server_id)
