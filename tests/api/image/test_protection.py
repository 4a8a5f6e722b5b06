"""Protected properties, quotas, signatures and the rest of what an operator sets."""

import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from pileus import image
from pileus.core.policy import Policy
from pileus.image import protection, settings

from .conftest import Harness, served
from .test_image import patch

OCTETS = {"Content-Type": "application/octet-stream"}
ROLES = """
[x_admin.*]
create = admin
read = admin,member
update = admin
delete = admin
[x_secret]
create = admin
read = admin
update = admin
delete = admin
[x_fixed]
create = @
read = @
update = !
delete = !
[free.*]
create = @
read = @
update = @
delete = @
"""
CERTIFICATE = "1c1f8f4e-0000-4000-8000-00000000000b"


def create(client: httpx.Client, **values: Any) -> httpx.Response:
    body = {"disk_format": "raw", "container_format": "bare"} | values
    return client.post("/v2/images", json=body)


@pytest.fixture
def guarded(tmp_path: Path, new_database: Callable[[], str]) -> Any:
    rules = tmp_path / "rules.conf"
    rules.write_text(ROLES)
    given = image.Settings(property_protection_file=str(rules))
    with served(tmp_path, new_database(), given) as made:
        yield made


def test_protected_properties_are_made_by_those_who_may(guarded: Harness) -> None:
    demo, admin = guarded.client("demo"), guarded.client("admin")

    assert create(demo, x_admin_a="1").status_code == 403
    assert create(demo, nobodys="1").status_code == 403
    assert create(demo, x_fixed="1").status_code == 201
    assert create(admin, x_admin_a="1", x_secret="2").status_code == 201


def test_protected_properties_are_hidden_and_kept(guarded: Harness) -> None:
    demo, admin = guarded.client("demo"), guarded.client("admin")
    made = create(demo, free_a="1", x_fixed="2").json()
    patch(admin, made["id"], {"op": "add", "path": "/x_secret", "value": "s"})
    patch(admin, made["id"], {"op": "add", "path": "/x_admin_b", "value": "b"})

    shown = demo.get(f"/v2/images/{made['id']}").json()

    assert "x_secret" not in shown and shown["x_admin_b"] == "b"
    change = {"op": "replace", "value": "z"}
    assert patch(demo, made["id"], change | {"path": "/x_admin_b"}).status_code == 403
    assert patch(demo, made["id"], change | {"path": "/x_fixed"}).status_code == 403
    assert patch(demo, made["id"], change | {"path": "/x_secret"}).status_code == 409
    add = {"op": "add", "path": "/x_secret", "value": "z"}
    assert patch(demo, made["id"], add).status_code == 403
    assert patch(demo, made["id"], {"op": "remove", "path": "/x_fixed"}).status_code == 403
    assert patch(demo, made["id"], change | {"path": "/free_a"}).status_code == 200
    assert admin.get(f"/v2/images/{made['id']}").json()["x_secret"] == "s"
    listed = demo.get("/v2/images").json()["images"]
    assert all("x_secret" not in one for one in listed)


def test_rules_of_the_policy_file_protect_properties(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    rules = tmp_path / "rules.conf"
    rules.write_text("[.*]\ncreate=context_is_admin\nread=@\nupdate=!\ndelete=!\n")
    given = image.Settings(
        property_protection_file=str(rules), property_protection_rule_format="policies"
    )
    with served(tmp_path, new_database(), given) as made:
        assert create(made.client("demo"), a="1").status_code == 403
        assert create(made.client("admin"), a="1").status_code == 201


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[(]\ncreate=@\nread=@\nupdate=@\ndelete=@", "roles"),
        ("[a]\ncreate=@", "roles"),
        ("[a]\ncreate=@,!\nread=@\nupdate=@\ndelete=@", "roles"),
        ("[a]\ncreate=x,y\nread=@\nupdate=@\ndelete=@", "policies"),
        ("[a]\ncreate=unknown\nread=@\nupdate=@\ndelete=@", "policies"),
        ("nothing", "roles"),
    ],
)
def test_bad_rules_are_told(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "rules.conf"
    path.write_text(text)
    given = image.Settings(property_protection_file=str(path), property_protection_rule_format=kind)

    with pytest.raises(image.BadSettings, match=r"rules\.conf"):
        protection.read(given, Policy(image.SERVICE.rules))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "colour: red",
        "image_tag_quota: many",
        "enabled_import_methods: [magic]",
        "default_backend: nowhere",
        "allowed_networks: [here]",
        "allowed_ports: [http]",
        "property_protection_rule_format: words",
        "stores: {x: {type: tape}}",
        "stores: {x: {type: file}}",
        "stores: {x: {type: file, path: /x, colour: red}}",
        "stores: {x: {type: s3}}",
        "stores: {'a/b': {type: http}}",
        "stores: {file: {type: file, path: /x}}",
        "stores: {w: {type: http}}\ndefault_backend: w",
    ],
)
def test_bad_settings_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "image.yaml"
    path.write_text(text)

    with pytest.raises(image.BadSettings, match=r"image\.yaml"):
        image.read_settings(path)


def test_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "image.yaml"
    path.write_text(
        "image_tag_quota: 3\nstores:\n  fast: {type: file, path: /fast, weight: 2}\n"
        "  s: {type: s3, bucket: b}\ndefault_backend: fast\nallowed_ports: [8080]\n"
    )

    found = image.read_settings(path)

    assert [one.id for one in found.stores] == ["file", "fast", "s"]
    assert (found.image_tag_quota, found.default_backend, found.allowed_ports) == (
        3,
        "fast",
        (8080,),
    )
    assert image.read_settings(None) == settings.Settings()


@pytest.fixture
def limited(tmp_path: Path, new_database: Callable[[], str]) -> Any:
    given = image.Settings(
        image_property_quota=2,
        image_tag_quota=2,
        image_member_quota=1,
        image_count_total=3,
        image_count_uploading=1,
        image_size_total=1,
        image_stage_total=1,
        image_size_cap=3 << 20,
    )
    with served(tmp_path, new_database(), given) as made:
        yield made


def test_properties_tags_and_members_have_their_quotas(limited: Harness) -> None:
    demo = limited.client("demo")
    made = create(demo, a="1", b="2", tags=["a", "b"]).json()["id"]

    assert create(demo, a="1", b="2", c="3").status_code == 413
    assert create(demo, tags=["a", "b", "c"]).status_code == 413
    assert patch(demo, made, {"op": "add", "path": "/c", "value": "3"}).status_code == 413
    assert demo.put(f"/v2/images/{made}/tags/c").status_code == 413
    members = f"/v2/images/{made}/members"
    assert demo.post(members, json={"member": "x"}).status_code == 200
    assert demo.post(members, json={"member": "y"}).status_code == 413


def test_images_are_counted(limited: Harness) -> None:
    demo, other = limited.client("demo"), limited.client("other")
    made = [create(demo).json()["id"] for _ in range(3)]

    assert create(demo).status_code == 413
    assert create(other).status_code == 201
    demo.delete(f"/v2/images/{made[0]}")
    assert create(demo).status_code == 201


def test_bytes_are_counted_and_told(limited: Harness) -> None:
    demo = limited.client("demo")
    one, two, three = (create(demo).json()["id"] for _ in range(3))

    def send(image_id: str, to: str, size: int) -> int:
        path = f"/v2/images/{image_id}/{to}"
        return demo.put(path, content=bytes(size), headers=OCTETS).status_code

    assert send(one, "file", 4 << 20) == 413
    assert demo.get(f"/v2/images/{one}").json()["status"] == "queued"
    assert send(one, "stage", 1 << 20) == 204
    assert send(two, "file", 10) == 413  # one is on its way already
    assert demo.get("/v2/info/usage").json()["usage"]["image_stage_total"] == {
        "usage": 1,
        "limit": 1,
    }
    demo.delete(f"/v2/images/{one}")
    assert send(two, "file", (1 << 20) + 1) == 204
    assert send(three, "file", 10) == 413
    usage = demo.get("/v2/info/usage").json()["usage"]
    assert usage["image_size_total"] == {"usage": 2, "limit": 1}
    assert usage["image_count_total"] == {"usage": 2, "limit": 3}


def certificate(folder: Path, key: Any) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "images")])
    begin = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / f"{CERTIFICATE}.pem").write_bytes(pem)


def signed(key: Any, data: bytes) -> dict[str, str]:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
        made, kind = key.sign(data, pss, hashes.SHA256()), "RSA-PSS"
    else:
        made, kind = key.sign(data, ec.ECDSA(hashes.SHA256())), "ECC_SECP384R1"
    return {
        "img_signature": base64.b64encode(made).decode(),
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": kind,
        "img_signature_certificate_uuid": CERTIFICATE,
    }


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_signed_bytes_are_checked(
    tmp_path: Path, new_database: Callable[[], str], kind: str
) -> None:
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP384R1())
    )
    certificate(tmp_path, key)
    given = image.Settings(signature_certificates=str(tmp_path))
    with served(tmp_path, new_database(), given) as made:
        demo = made.client("demo")
        good, bad = (create(demo, **signed(key, b"true")).json()["id"] for _ in range(2))

        def send(image_id: str, data: bytes) -> int:
            path = f"/v2/images/{image_id}/file"
            return demo.put(path, content=data, headers=OCTETS).status_code

        assert send(good, b"true") == 204
        assert send(bad, b"false") == 415
        assert demo.get(f"/v2/images/{bad}").json()["status"] == "queued"
        assert len(made.files()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"img_signature": "not base64!"},
        {"img_signature_hash_method": "MD5"},
        {"img_signature_key_type": "ROT13"},
        {"img_signature_key_type": "DSA"},
        {"img_signature_certificate_uuid": "../../etc/passwd"},
        {"img_signature_certificate_uuid": "1c1f8f4e-0000-4000-8000-00000000000c"},
        {"img_signature": ""},
    ],
)
def test_a_signature_that_cannot_be_checked_is_refused(
    tmp_path: Path, new_database: Callable[[], str], change: dict[str, str]
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate(tmp_path, key)
    given = image.Settings(signature_certificates=str(tmp_path))
    with served(tmp_path, new_database(), given) as made:
        demo = made.client("demo")
        image_id = create(demo, **(signed(key, b"x") | change)).json()["id"]
        path = f"/v2/images/{image_id}/file"

        assert demo.put(path, content=b"x", headers=OCTETS).status_code == 400


def test_a_cloud_without_certificates_refuses_signed_images(
    harness: Harness, demo: httpx.Client
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    image_id = create(demo, **signed(key, b"x")).json()["id"]

    answer = demo.put(f"/v2/images/{image_id}/file", content=b"x", headers=OCTETS)

    assert answer.status_code == 400 and "trusts no certificate" in answer.text
    demo.delete(f"/v2/images/{image_id}")
