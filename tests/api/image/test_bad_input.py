"""What the image API refuses, and that it does so in its own words and changes nothing."""

from typing import Any

import httpx
import pytest

from ...cloud import Cloud

V2 = "/image/v2"
LONG = "x" * 300
NONE = "11111111-1111-1111-1111-111111111111"
BYTES = {"Content-Type": "application/octet-stream"}


def _refused(answer: httpx.Response, *status: int) -> None:
    assert answer.status_code in status, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert f"<h1>{answer.status_code} " in answer.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"5", b"", b"\xff"])
def test_a_body_that_cannot_be_read_is_400(cloud: Cloud, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    _refused(cloud.demo.post(f"{V2}/images", content=body, headers=headers), 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": LONG}, 400),
        ({"name": 5}, 400),
        ({"id": "x"}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"container_format": "shoebox"}, 400),
        ({"visibility": "secret"}, 400),
        ({"visibility": "public"}, 403),
        ({"min_disk": -1}, 400),
        ({"min_ram": 2**40}, 400),
        ({"protected": "perhaps"}, 400),
        ({"tags": "a"}, 400),
        ({"tags": [LONG]}, 400),
        ({"colour": 5}, 400),
        ({LONG: "x"}, 400),
        ({"status": "active"}, 403),
        ({"size": 5}, 403),
        ({"owner": NONE}, 403),
        ({"os_glance_x": "y"}, 403),
        ({"disk_format": "ami", "container_format": "bare"}, 400),
    ],
)
def test_an_image_that_cannot_be_is_refused_and_not_made(
    cloud: Cloud, body: dict[str, Any], status: int
) -> None:
    before = cloud.demo.get(f"{V2}/images").json()

    _refused(cloud.demo.post(f"{V2}/images", json=body), status)

    assert cloud.demo.get(f"{V2}/images").json() == before


@pytest.mark.parametrize(
    ("disk_format", "data"),
    [
        ("qcow2", b"this is no qcow2 image" * 100),
        ("raw", b"QFI\xfb\x00\x00\x00\x03" + b"\0" * 600),
        ("vmdk", b"QFI\xfb\x00\x00\x00\x03" + b"\0" * 600),
        ("iso", b"\0" * 40_000),
    ],
)
def test_an_image_that_is_not_what_it_says_is_refused_and_stays_queued(
    cloud: Cloud, disk_format: str, data: bytes
) -> None:
    body = {"name": "liar", "disk_format": disk_format, "container_format": "bare"}
    image = cloud.demo.post(f"{V2}/images", json=body).json()

    _refused(cloud.demo.put(f"{V2}/images/{image['id']}/file", content=data, headers=BYTES), 415)

    after = cloud.demo.get(f"{V2}/images/{image['id']}").json()
    assert (after["status"], after["size"]) == ("queued", None)


@pytest.mark.parametrize("image_id", [NONE, "x", "..%2f..%2fetc%2fpasswd", LONG])
def test_an_image_that_is_not_there_is_404(cloud: Cloud, image_id: str) -> None:
    _refused(cloud.demo.get(f"{V2}/images/{image_id}"), 404)
    _refused(cloud.demo.delete(f"{V2}/images/{image_id}"), 404)
    _refused(cloud.demo.put(f"{V2}/images/{image_id}/file", content=b"x", headers=BYTES), 404)


@pytest.mark.parametrize(
    "operations",
    [
        {},
        [5],
        [{}],
        [{"op": "copy", "path": "/name", "value": "x"}],
        [{"op": "replace", "path": "name", "value": "x"}],
        [{"op": "replace", "path": "/name"}],
        [{"op": "replace", "path": "/name", "value": 5}],
        [{"op": "replace", "path": "/name", "value": LONG}],
        [{"op": "add", "path": "/a/b", "value": "x"}],
        [{"op": "add", "path": "/colour", "value": ["red"]}],
    ],
    ids=str,
)
def test_a_patch_that_cannot_be_is_400(cloud: Cloud, operations: Any) -> None:
    image = cloud.demo.post(f"{V2}/images", json={"name": "patched"}).json()
    kind = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

    answer = cloud.demo.patch(f"{V2}/images/{image['id']}", json=operations, headers=kind)

    _refused(answer, 400)
    assert cloud.demo.get(f"{V2}/images/{image['id']}").json() == image
