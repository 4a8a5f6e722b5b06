"""SAML2 as service provider: which responses are believed, by ECP and by the browser."""

import base64
import copy
import itertools
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import etree

from ..cloud import Cloud
from .assertions import NS, PAOS, Signer, assertion, enveloped, posted, response, when
from .calls import DASHBOARD, FED, USER, V3, ask, provider, settings

RULES = [{"local": [USER], "remote": [{"type": "REMOTE_USER"}]}]
PATH = f"{FED}/identity_providers/saml/protocols/saml2/auth"
ACS = f"{V3}/auth/OS-FEDERATION/identity_providers/saml/protocols/saml2/saml2/acs"
START = f"{V3}/auth/OS-FEDERATION/identity_providers/saml/protocols/saml2/websso"
SIGNER, STRANGER = Signer(), Signer()
NUMBERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def idp(cloud: Cloud) -> None:
    provider(cloud, "saml", RULES, "saml2")
    known = {
        "kind": "saml2",
        "entity_id": "urn:idp",
        "certificates": [SIGNER.pem],
        "sso_url": "https://idp.example.com/sso",
    }
    settings(cloud, {"saml": {"saml2": known}})


def key() -> str:
    return f"a{next(NUMBERS)}"


def bring(cloud: Cloud, body: Any, relay_state: str = "") -> httpx.Response:
    """Post a response as an enhanced client does."""
    content = body if isinstance(body, bytes) else enveloped(body, relay_state)
    return httpx.post(cloud.base + ACS, content=content, headers=PAOS, timeout=60)


def signed(cloud: Cloud, **bent: Any) -> Any:
    to = cloud.base + ACS
    return response(SIGNER.sign(assertion(to, key(), **bent)), to)


def fetch(cloud: Cloud, answer: httpx.Response) -> httpx.Response:
    """Follow the redirect to the token, with the cookie."""
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return httpx.get(answer.headers["Location"], headers={"Cookie": cookie}, timeout=60)


def test_a_signed_assertion_gives_a_token_once(cloud: Cloud) -> None:
    answer = bring(cloud, signed(cloud))

    token = fetch(cloud, answer)
    assert token.status_code == 201, token.text
    user = token.json()["token"]["user"]
    assert (user["name"], token.json()["token"]["methods"]) == ("alice", ["saml2"])
    assert answer.headers["Location"] == cloud.base + PATH
    assert fetch(cloud, answer).status_code == 401


def test_a_signed_response_is_as_good(cloud: Cloud) -> None:
    to = cloud.base + ACS

    answer = bring(cloud, SIGNER.sign(response(assertion(to, key()), to, key())))

    assert fetch(cloud, answer).status_code == 201


def test_an_assertion_is_used_once(cloud: Cloud) -> None:
    made = signed(cloud)
    assert bring(cloud, made).status_code == 303

    assert bring(cloud, made).status_code == 401


@pytest.mark.parametrize(
    "bent",
    [
        {"recipient": "https://other.example.com/acs"},
        {"until": when(-3600)},
        {"until": when(30 * 86400)},
        {"until": "soon"},
        {"end": when(-3600)},
        {"start": when(3600)},
        {"audience": "urn:somebody-else"},
        {"issuer": "urn:evil"},
        {"request": "_unknown"},
        {"statement": ""},
        {"statement": f'<saml:AuthnStatement SessionNotOnOrAfter="{when(-3600)}"/>'},
    ],
    ids=str,
)
def test_an_assertion_for_another_place_or_time_is_refused(
    cloud: Cloud, bent: dict[str, str]
) -> None:
    assert bring(cloud, signed(cloud, **bent)).status_code == 401


def test_an_assertion_meant_for_this_cloud_is_taken(cloud: Cloud) -> None:
    own = f"{cloud.base}{FED}/saml2/idp"

    assert bring(cloud, signed(cloud, audience=own)).status_code == 303


def _unsigned(to: str) -> Any:
    return response(assertion(to, key()), to)


def _by_a_stranger(to: str) -> Any:
    return response(STRANGER.sign(assertion(to, key())), to)


def _changed(to: str) -> Any:
    made = SIGNER.sign(assertion(to, key()))
    made.find("saml:Subject/saml:NameID", NS).text = "admin"
    return response(made, to)


def _refused(to: str) -> Any:
    return response(SIGNER.sign(assertion(to, key())), to, status="Requester")


def _elsewhere(to: str) -> Any:
    return response(SIGNER.sign(assertion(to, key())), "https://other.example.com/")


def _encrypted(to: str) -> Any:
    return response(etree.Element(f"{{{NS['saml']}}}EncryptedAssertion"), to)


@pytest.mark.parametrize(
    "forge", [_unsigned, _by_a_stranger, _changed, _refused, _elsewhere, _encrypted]
)
def test_a_response_that_the_provider_did_not_give_is_refused(
    cloud: Cloud, forge: Callable[[str], Any]
) -> None:
    assert bring(cloud, forge(cloud.base + ACS)).status_code == 401


def _pair(to: str) -> tuple[Any, Any, Any]:
    """What the provider signed, the same about somebody else, and its signature."""
    true = SIGNER.sign(assertion(to, key()))
    evil = copy.deepcopy(true)
    evil.find("saml:Subject/saml:NameID", NS).text = "admin"
    return true, evil, evil.find("ds:Signature", NS)


def _beside(to: str, evil_first: bool, new_id: bool, keep: bool) -> Any:
    """Both assertions below the response."""
    true, evil, mark = _pair(to)
    if new_id:
        evil.set("ID", "evil")
    if not keep:
        evil.remove(mark)
    made = response(evil if evil_first else true, to)
    made.append(true if evil_first else evil)
    return made


def _within(to: str, new_id: bool, place: str) -> Any:
    """The true assertion hidden in the evil one, which is shown."""
    true, evil, mark = _pair(to)
    if new_id:
        evil.set("ID", "evil")
    if place == "signature":
        holder = etree.SubElement(mark, f"{{{NS['ds']}}}Object")
    elif place == "subject":
        holder = evil.find("saml:Subject/saml:SubjectConfirmation", NS)[0]
    else:
        holder = evil
    holder.append(true)
    return response(evil, to)


def _around(to: str, new_id: bool) -> Any:
    """The evil assertion hidden in the true one's signature, where the digest does not reach."""
    true, evil, mark = _pair(to)
    evil.remove(mark)
    if new_id:
        evil.set("ID", "evil")
    etree.SubElement(true.find("ds:Signature", NS), f"{{{NS['ds']}}}Object").append(evil)
    return response(true, to)


def _extension(to: str, new_id: bool) -> Any:
    true, evil, _ = _pair(to)
    if new_id:
        evil.set("ID", "evil")
    made = response(evil, to)
    holder = etree.Element(f"{{{NS['samlp']}}}Extensions")
    holder.append(true)
    made.insert(0, holder)
    return made


def _response_within(to: str, new_id: bool) -> Any:
    """A signed response hidden in one that is not."""
    true = SIGNER.sign(response(assertion(to, key()), to, "r1"))
    evil = copy.deepcopy(true)
    evil.find("saml:Assertion/saml:Subject/saml:NameID", NS).text = "admin"
    mark = evil.find("ds:Signature", NS)
    if new_id:
        evil.set("ID", "evil")
    etree.SubElement(mark, f"{{{NS['ds']}}}Object").append(true)
    return evil


WRAPPED = [
    *(
        (_beside, (first, new, keep))
        for first in (True, False)
        for new in (True, False)
        for keep in (True, False)
    ),
    *(
        (_within, (new, place))
        for new in (True, False)
        for place in ("signature", "subject", "assertion")
    ),
    *((_around, (new,)) for new in (True, False)),
    *((_extension, (new,)) for new in (True, False)),
    *((_response_within, (new,)) for new in (True, False)),
]


@pytest.mark.parametrize(("forge", "how"), WRAPPED)
def test_a_signature_covers_what_is_read(cloud: Cloud, forge: Any, how: Any) -> None:
    assert bring(cloud, forge(cloud.base + ACS, *how)).status_code == 401


def test_a_comment_does_not_cut_a_name_short(cloud: Cloud) -> None:
    made = signed(cloud, name="admin.evil")
    text = enveloped(made).replace(b"admin.evil", b"admin<!-- -->.evil")

    user = fetch(cloud, bring(cloud, text)).json()["token"]["user"]

    assert user["name"] == "admin.evil"


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">'
    b'<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&b;&f;</x>'
)


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<x/>", BOMB, b"\xff\xfe", b"<S:Envelope/>", b"<x>" * 5000], ids=str
)
def test_what_is_no_response_is_refused(cloud: Cloud, body: bytes) -> None:
    answer = bring(cloud, body)

    assert answer.status_code == 401
    assert "root:" not in answer.text


def test_a_response_has_a_size_and_a_type(cloud: Cloud) -> None:
    assert bring(cloud, b"<x>" + b" " * (1 << 20)).status_code == 413
    kind = {"Content-Type": "application/json"}
    assert httpx.post(cloud.base + ACS, content=b"{}", headers=kind).status_code == 415


def enhanced(cloud: Cloud) -> tuple[str, str]:
    """Ask for a login as an enhanced client: the request's id and the relay state."""
    headers = {"Accept": "text/html; application/vnd.paos+xml", "PAOS": 'ver="x"'}
    answer = httpx.get(cloud.base + PATH, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/vnd.paos+xml"
    assert f'responseConsumerURL="{cloud.base}{ACS}"' in answer.text
    asked = re.search(r"<samlp:AuthnRequest[^>]* ID=\"([^\"]+)\"", answer.text)
    state = re.search(r"<ecp:RelayState[^>]*>([^<]+)<", answer.text)
    assert asked is not None
    assert state is not None
    return asked[1], state[1]


def test_an_enhanced_client_is_asked_and_answers(cloud: Cloud) -> None:
    request, state = enhanced(cloud)

    answer = bring(cloud, signed(cloud, request=request), state)

    assert fetch(cloud, answer).status_code == 201


def test_an_answer_belongs_to_its_request(cloud: Cloud) -> None:
    request, state = enhanced(cloud)
    _, other = enhanced(cloud)

    assert bring(cloud, signed(cloud, request=request), other).status_code == 401
    assert bring(cloud, signed(cloud), state).status_code == 401
    assert bring(cloud, signed(cloud, request=request), state[:-4]).status_code == 401


def test_without_an_enhanced_client_it_says_what_to_do(cloud: Cloud) -> None:
    answer = httpx.get(cloud.base + PATH)

    assert answer.status_code == 401
    assert "ECP" in answer.json()["error"]["message"]


def test_a_browser_logs_in_for_a_dashboard(cloud: Cloud) -> None:
    with httpx.Client(base_url=cloud.base, timeout=60) as browser:
        sent = browser.get(START, params={"origin": DASHBOARD})
        assert sent.status_code == 302, sent.text
        query = parse_qs(urlsplit(sent.headers["Location"]).query)
        request = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15).decode()
        asked = re.search(r' ID="([^"]+)"', request)
        assert asked is not None
        assert query["Signature"]
        made = signed(cloud, request=asked[1])

        stranger = httpx.post(cloud.base + ACS, data=posted(made), timeout=60)
        answer = browser.post(ACS, data=posted(made))

    assert stranger.status_code == 401
    assert answer.status_code == 200, answer.text
    found = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert found is not None
    assert ask(cloud, found[1], f"{V3}/auth/projects").status_code == 200


def test_a_browser_brings_nothing_that_it_did_not_ask_for(cloud: Cloud) -> None:
    with httpx.Client(base_url=cloud.base, timeout=60) as browser:
        browser.get(START, params={"origin": DASHBOARD})

        assert browser.post(ACS, data=posted(signed(cloud))).status_code == 401
        assert browser.post(ACS, data={"SAMLResponse": "%%"}).status_code == 400
        assert browser.post(ACS, data={"other": "x"}).status_code == 400


def test_the_metadata_names_the_consumer_and_the_key(cloud: Cloud) -> None:
    answer = httpx.get(f"{cloud.base}{FED}/saml2/metadata")

    assert answer.headers["Content-Type"] == "text/xml"
    found = etree.fromstring(answer.content)
    assert found.get("entityID") == f"{cloud.base}{FED}/saml2/idp"
    assert f'Location="{cloud.base}{ACS}"' in answer.text
    assert answer.text.count("X509Certificate>") == 4


@pytest.mark.parametrize(
    "path", ["/Shibboleth.sso/SAML2/ECP", f"{V3}/auth/OS-FEDERATION/saml2/acs"]
)
def test_other_clouds_may_bring_their_users_to_one_place_for_all(cloud: Cloud, path: str) -> None:
    to = cloud.base + path

    def sent(issuer: str, recipient: str = to) -> httpx.Response:
        made = response(SIGNER.sign(assertion(recipient, key())), recipient)
        name = etree.Element(f"{{{NS['saml']}}}Issuer")
        name.text = issuer
        made.insert(0, name)
        return httpx.post(to, content=enveloped(made), headers=PAOS, timeout=60)

    assert fetch(cloud, sent("urn:idp")).status_code == 201
    assert sent("urn:unknown").status_code == 401
    assert sent("urn:idp", "https://other.example.com/Shibboleth.sso/SAML2/ECP").status_code == 401
