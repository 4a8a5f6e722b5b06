"""What a token carries: packed, opened again, and as small as it was."""

import msgspec
import pytest

from pileus.identity.payload import METHODS, Federated, Payload, Scope, Ties, pack, unpack

PLAIN = Payload(
    "ab" * 16,
    ("password", "application_credential"),
    Scope("project", "cd" * 16),
    1_800_000_000_000_000,
    1_800_000_043_200_000,
    ("A" * 22, "B" * 21 + "A"),
    7,
    Ties("ef" * 16),
)
# As version 0.1.0 packed it.
FIRST = bytes.fromhex(
    "99c410abababababababababababababababab0501c410cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcf000665172898"
    "8000cf000665172b2bae0092c41000000000000000000000000000000000c41004104104104104104104104104"
    "10410407c410efefefefefefefefefefefefefefefef"
)


def test_a_token_without_ties_is_packed_as_the_first_version_packed_it():
    assert pack(PLAIN) == FIRST


def test_a_token_of_the_first_version_is_read():
    assert unpack(FIRST) == PLAIN


@pytest.mark.parametrize(
    "ties",
    [
        Ties(),
        Ties(trust_id="12" * 16),
        Ties(access_token_id="a-name"),
        Ties(thumbprint="t" * 43),
        Ties(federated=Federated("acme", "openid")),
        Ties(
            "1" * 32, "2" * 32, "3" * 32, Federated("acme", "saml2", ("4" * 32, "five")), "t" * 43
        ),
    ],
)
@pytest.mark.parametrize("kind", ["unscoped", "project", "domain", "system"])
def test_every_tie_and_scope_comes_back(ties, kind):
    scope = Scope(kind, "default" if kind in ("project", "domain") else "")
    payload = msgspec.structs.replace(PLAIN, ties=ties, scope=scope, methods=METHODS)

    assert unpack(pack(payload)) == payload


def test_a_version_that_knows_no_ties_refuses_a_token_with_some():
    packed = msgspec.msgpack.decode(pack(msgspec.structs.replace(PLAIN, ties=Ties(trust_id="x"))))

    assert packed[2] >= 4  # it knew four kinds of scope


@pytest.mark.parametrize(
    "data", [b"", b"\x90", b"nonsense", FIRST[:-3], msgspec.msgpack.encode({})]
)
def test_other_bytes_are_no_payload(data):
    assert unpack(data) is None
