"""Each vendor's proof: good with an active secret, otherwise Refused, in the same words and nothing else."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hubspot.utils.signature import Signature
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Misconfigured, Refused
from pipeline.vendors.hubspot.signature import HubSpotVerifier
from pipeline.vendors.registry import VENDORS
from pipeline.vendors.signed_request import SignedRequest
from tests.support.crm import SAMPLE_VENDORS, SampleVendor, public_key, sample_vendor, sequence

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# The standard's library reads the clock itself; its own tests freeze it.
OURS = [name for name in SAMPLE_VENDORS if name != "standard"]
OTHER = {
    "hubspot": "another-client-secret",
    "gohighlevel": "another key",
    "pipedrive": "service6:another-password-for-it",
    "salesforce": "another-address-that-nobody-knows",
    "zoho": "1000000068001:ANOTHER_TOKEN_OF_1000000068001",
}


def request(sender: SampleVendor, body: bytes, at: datetime = NOW, **changed: str) -> SignedRequest:
    headers = {name.lower(): value for name, value in {**sender.signed(body, at), **changed}.items()}
    return SignedRequest("POST", sender.uri, body, headers)


def accepted(name: str, asked: SignedRequest, *secrets: str) -> bool:
    try:
        VENDORS[name].verifier(secrets or (sample_vendor(name).secret,)).verify(asked, NOW)
    except Refused:
        return False
    return True


def body_of(name: str, secret: str) -> bytes:
    """Zoho's has the secret in it."""
    known = sample_vendor("zoho").secret.partition(":")[2].encode()
    return sequence(name)[0].replace(known, secret.partition(":")[2].encode()) if name == "zoho" else sequence(name)[0]


@pytest.mark.parametrize("name", OURS)
def test_either_of_two_secrets_opens_and_a_third_does_not(name: str) -> None:
    one, other = sample_vendor(name), sample_vendor(name, OTHER[name])
    good, foreign = request(one, body_of(name, one.secret)), request(other, body_of(name, OTHER[name]))
    assert accepted(name, good, one.secret)
    assert accepted(name, good, other.secret, one.secret)
    assert not accepted(name, foreign, one.secret)


@pytest.mark.parametrize("name", ["hubspot", "gohighlevel"])
def test_another_body_is_refused(name: str) -> None:
    asked = request(sample_vendor(name), sequence(name)[0])
    assert not accepted(name, asked._replace(body=asked.body + b" "))


@pytest.mark.parametrize("name", OURS)
@given(junk=st.text(st.characters(max_codepoint=0xFF), max_size=80), body=st.binary(max_size=60))
@settings(max_examples=50)
def test_garbage_is_refused_and_never_anything_else(name: str, junk: str, body: bytes) -> None:
    headers = dict.fromkeys(
        ("x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-ghl-signature", "x-wh-signature", "authorization"),
        junk,
    )
    assert not accepted(name, SignedRequest("POST", f"https://x/webhooks/{name}/{junk}", body, headers))
    assert not accepted(name, SignedRequest("POST", f"https://x/webhooks/{name}", body, {}))


def test_refusals_of_hubspot_tell_a_forger_nothing() -> None:
    sender, body = sample_vendor("hubspot"), b"[]"
    asked = request(sender, body)
    reasons = set()
    for forged in (
        asked._replace(headers={}),
        asked._replace(body=b"[ ]"),
        request(sender, body, NOW - timedelta(hours=1)),
    ):
        with pytest.raises(Refused) as caught:
            HubSpotVerifier([sender.secret]).verify(forged, NOW)
        reasons.add(str(caught.value))
    assert len(reasons) == 1


@pytest.mark.parametrize(("minutes", "good"), [(-6, False), (-4, True), (4, True), (6, False)])
def test_hubspots_window(minutes: int, good: bool) -> None:
    assert accepted("hubspot", request(sample_vendor("hubspot"), b"[]", NOW + timedelta(minutes=minutes))) is good


@pytest.mark.parametrize("stamp", ["", "nan", "inf", "-1", "1e12", "٣" * 13, "9" * 400, "1795348800000.0"])
def test_a_timestamp_that_is_none_is_refused_though_it_is_signed(stamp: str) -> None:
    sender = sample_vendor("hubspot")
    signature = Signature.get_signature(sender.secret, "[]", "v3", sender.uri, "POST", stamp)
    headers = {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signature}
    assert not accepted("hubspot", SignedRequest("POST", sender.uri, b"[]", headers))


def test_a_request_that_hubspots_scheme_was_worked_out_on() -> None:
    """A known answer: body, address, secret and time as they were signed elsewhere."""
    asked = SignedRequest(
        "POST",
        "https://example.com/webhooks/hubspot?tenant=1",
        (Path(__file__).parent / "samples" / "hubspot_batch.json").read_bytes(),
        {
            "x-hubspot-request-timestamp": "1742077075000",
            "x-hubspot-signature-v3": "HHF7Qvp0beOfFwpachOZ+izkJQsBbYfccDSd05SdXX8=",
        },
    )
    HubSpotVerifier(["example-client-secret"]).verify(asked, datetime(2025, 3, 15, 22, 18, tzinfo=UTC))


def test_hubspot_signs_the_address_with_some_characters_decoded() -> None:
    sender = sample_vendor("hubspot")
    uri = f"{sender.uri}?to=a%3Ab%2Fc%20d&list=%281%2C2%29&kept=%26%3d%7E"
    decoded = f"{sender.uri}?to=a:b/c%20d&list=(1,2)&kept=%26%3d%7E"
    headers = {name.lower(): value for name, value in sender.headers(b"[]", NOW, decoded).items()}
    assert accepted("hubspot", SignedRequest("POST", uri, b"[]", headers))
    assert not accepted("hubspot", SignedRequest("POST", uri.replace("to", "at"), b"[]", headers))


@given(
    secret=st.text(
        st.characters(codec="ascii", exclude_categories=("Cc", "Zs"), exclude_characters="\"'`"),
        min_size=16,
        max_size=40,
    ),
    path=st.text(st.sampled_from("abz019-_/.~=&?%:"), max_size=40),
    body=st.text(max_size=300),
    method=st.sampled_from(["POST", "PUT", "GET"]),
    seconds=st.integers(-299, 299),
)
@settings(max_examples=100)
def test_hubspots_own_library_agrees(secret: str, path: str, body: str, method: str, seconds: int) -> None:
    """On as many generated requests; what is encoded in an address is the test above's."""
    uri = f"https://leads.example.com/webhooks/{path.replace('%', '')}"
    timestamp = str(int((NOW + timedelta(seconds=seconds)).timestamp() * 1000))
    try:
        raw = body.encode()
    except UnicodeEncodeError:  # half a pair of surrogates is no body
        return
    headers = {
        "x-hubspot-request-timestamp": timestamp,
        "x-hubspot-signature-v3": Signature.get_signature(secret, body, "v3", uri, method, timestamp),
    }
    asked = SignedRequest(method, uri, raw, headers)
    HubSpotVerifier([secret]).verify(asked, NOW)
    with pytest.raises(Refused):
        HubSpotVerifier([f"{secret}x"]).verify(asked, NOW)


def test_gohighlevels_older_header_counts_with_the_older_key_alone() -> None:
    key = generate_private_key(65537, 2048)
    older = _der(key.public_key())
    body = sequence("gohighlevel")[0]
    signature = base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()
    asked = SignedRequest("POST", "", body, {"x-wh-signature": signature})
    newer = public_key("a key of the vendor's")
    assert accepted("gohighlevel", asked, older)
    assert accepted("gohighlevel", asked, newer, older)
    assert not accepted("gohighlevel", asked, newer)
    assert not accepted("gohighlevel", asked._replace(headers={"x-ghl-signature": signature}), newer, older)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("gohighlevel", "a text"),
        ("gohighlevel", base64.b64encode(b"no key").decode()),
        ("hubspot", "short"),
        ("pipedrive", "user:short"),
        ("zoho", "1000000068001:"),
        ("salesforce", "short"),
        ("salesforce", "an/address?with=parts-of-its-own"),
    ],
)
def test_a_secret_that_is_none_is_a_fault_of_the_configuration(name: str, secret: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        VENDORS[name].verifier([secret])
    assert secret not in str(caught.value)


def test_another_kind_of_key_is_a_fault_of_the_configuration() -> None:
    for key in (ec_key(SECP256R1()).public_key(), generate_private_key(65537, 1024).public_key()):  # noqa: S505
        with pytest.raises(Misconfigured):
            VENDORS["gohighlevel"].verifier([_der(key)])  # type: ignore[arg-type]


@pytest.mark.parametrize(("scheme", "good"), [("Basic", True), ("basic", True), ("Bearer", False), ("", False)])
def test_user_and_password_count_as_http_basic_alone(scheme: str, good: bool) -> None:
    encoded = base64.b64encode(sample_vendor("pipedrive").secret.encode()).decode()
    asked = SignedRequest("POST", "", b"", {"authorization": f"{scheme} {encoded}"})
    assert accepted("pipedrive", asked) is good


@pytest.mark.parametrize("token", [None, 1, ["x"] * 3, {"a": 1}, "T"])
def test_a_token_of_another_kind_is_refused(token: object) -> None:
    body = repr({"channel_id": 1, "token": token}).replace("'", '"').replace("None", "null").encode()
    assert not accepted("zoho", SignedRequest("POST", "", body, {}))


def test_of_two_tokens_the_last_counts_as_it_does_for_the_reader() -> None:
    known, body = sample_vendor("zoho").secret.partition(":")[2].encode(), sequence("zoho")[0]
    behind = body.replace(b'"server_time"', b'"token": "guess", "server_time"', 1)
    before = body.rstrip().removesuffix(b"}") + b', "token": "guess"}'
    assert known in behind
    assert accepted("zoho", SignedRequest("POST", "", behind, {}))
    assert not accepted("zoho", SignedRequest("POST", "", before, {}))


def test_a_thousand_lists_for_a_token_are_refused() -> None:
    body = b'{"channel_id": 1, "token": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert not accepted("zoho", SignedRequest("POST", "", body, {}))


def _der(key: RSAPublicKey) -> str:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(*form)).decode()
