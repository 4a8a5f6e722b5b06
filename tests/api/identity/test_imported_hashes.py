"""Passwords that were brought over from another identity service."""

import pytest

from pileus.core.db import Database
from pileus.identity.rows import ApplicationCredential, User

from ...cloud import Cloud
from .calls import V3, by_password, login, user

SECRET = "imported-secret"
# Each made by the program that such hashes come from.
STORED = {
    "bcrypt": "$2b$04$y.qhQxtH36EbPPy247HvIuVKfY1xCYJFb6UeN3t5V8D80t9caSEc.",
    "bcrypt-sha256": (
        "$bcrypt-sha256$v=2,t=2b,r=4$95.Hew2MwCr337zWpL/XYu$rpZPSyu6BSLejaSKD4zqBPPLTyKe2vu"
    ),
    "scrypt": (
        "$scrypt$ln=8,r=8,p=1$oZSSslbKOYfQujdmrHUuxQ$NMs/JbJvnmN6NSYIh6GjMr+pwb1mopBi0wDlg1r/DLQ"
    ),
    "pbkdf2": (
        "$pbkdf2-sha512$1000$xpizdi6F0DpnDEForbUWgg$nCWCovo6SxyOqUeEig8cbHbrbmfZOIemU.yRkP.8VIqd0u"
        "v3CwkcZSoeJXPvtT8FrKXuT1.ZUApdCw/hFDYkTA"
    ),
}


def _store(cloud: Cloud, user_id: str, stored: str) -> None:
    cloud.parts[Database].run(lambda tx: tx.set(User, User.id == user_id, password_hash=stored))


def _stored(cloud: Cloud, user_id: str) -> str:
    found = cloud.parts[Database].read(lambda tx: tx.get(User, user_id))
    assert found is not None and found.password_hash is not None
    return found.password_hash


@pytest.mark.parametrize("form", STORED)
def test_a_login_takes_a_foreign_hash_and_stores_todays(cloud: Cloud, form: str):
    made = user(cloud, form)
    _store(cloud, made["id"], STORED[form])

    wrong = login(cloud, by_password(form, "wrong"), "unscoped")
    right = login(cloud, by_password(form, SECRET), "unscoped")

    assert (wrong.status_code, right.status_code) == (401, 201)
    assert _stored(cloud, made["id"]).startswith("$argon2id$")
    assert login(cloud, by_password(form, SECRET), "unscoped").status_code == 201


def test_a_weaker_hash_of_our_own_is_made_anew(cloud: Cloud):
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = user(cloud, "weaker")
    weak = Argon2id(salt=b"s" * 16, length=32, iterations=1, lanes=1, memory_cost=64)
    old = weak.derive_phc_encoded(SECRET.encode())
    _store(cloud, made["id"], old)

    assert login(cloud, by_password("weaker", SECRET), "unscoped").status_code == 201

    assert "m=19456,t=3" in _stored(cloud, made["id"])


def test_a_hash_of_today_is_left_alone(cloud: Cloud):
    made = user(cloud, "today")
    before = _stored(cloud, made["id"])

    assert login(cloud, by_password("today"), "unscoped").status_code == 201

    assert _stored(cloud, made["id"]) == before


def test_an_application_credentials_foreign_hash_is_made_anew_too(cloud: Cloud):
    body = {"application_credential": {"name": "imported"}}
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    made = cloud.demo.post(path, json=body).json()["application_credential"]
    db = cloud.parts[Database]
    key = ApplicationCredential.id == made["id"]
    db.run(lambda tx: tx.set(ApplicationCredential, key, secret_hash=STORED["bcrypt"]))
    given = {"id": made["id"], "secret": SECRET}
    identity = {"methods": ["application_credential"], "application_credential": given}

    assert login(cloud, identity).status_code == 201

    found = db.read(lambda tx: tx.get(ApplicationCredential, made["id"]))
    assert found is not None and found.secret_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    "stored",
    [
        "plain",
        "$6$rounds=1$salt$hash",
        "$2b$04$short",
        "$scrypt$r=8$a$b",
        "$pbkdf2-sha512$x$y",
        "$",
    ],
)
def test_a_hash_that_cannot_be_read_lets_nobody_in(cloud: Cloud, stored: str):
    made = user(cloud, f"unreadable-{len(stored)}")
    _store(cloud, made["id"], stored)

    assert login(cloud, by_password(made["name"], SECRET), "unscoped").status_code == 401
