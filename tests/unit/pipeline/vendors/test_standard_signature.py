"""Standard Webhooks signatures: accepted with an active secret just now, otherwise Refused and nothing else."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from pipeline.errors import Misconfigured, Refused
from pipeline.security.webhook_secrets import keys_of
from pipeline.vendors.signed_request import SignedRequest
from pipeline.vendors.standard.signature import StandardVerifier

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND, FOREIGN = (f"whsec_{base64.b64encode(word * 6).decode()}" for word in (b"one1", b"two2", b"bad3"))
BODY = b'{"type":"lead.updated"}'
ENOUGH = st.text(st.characters(max_codepoint=0xFF), max_size=60)


def signed(
    secret: str | bytes = FIRST, *, at: datetime = NOW, body: bytes = BODY, delivery: str = "d1"
) -> dict[str, str]:
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery, at, body.decode()),
    }


def request(headers: dict[str, str], body: bytes = BODY) -> SignedRequest:
    return SignedRequest("POST", "/webhooks/standard", body, headers)


@freeze_time(NOW)
def accepted(headers: dict[str, str], body: bytes = BODY) -> bool:
    try:
        return StandardVerifier([FIRST, SECOND]).verify(request(headers, body), NOW) == headers["webhook-id"]
    except Refused:
        return False


@pytest.mark.parametrize("secret", [FIRST, SECOND])
def test_either_active_secret_signs(secret: str) -> None:
    assert accepted(signed(secret))


def test_one_good_signature_among_several_is_enough() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v2,eA== {signed(FOREIGN)['webhook-signature']} {headers['webhook-signature']}"
    assert accepted(headers)


def test_a_foreign_secret_is_refused() -> None:
    assert not accepted(signed(FOREIGN))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_stale_or_early_timestamp_is_refused(minutes: int) -> None:
    assert not accepted(signed(at=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-4, 4])
def test_clocks_may_differ_a_little(minutes: int) -> None:
    assert accepted(signed(at=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("header", "value"),
    [("webhook-id", "d2"), ("webhook-timestamp", str(int(NOW.timestamp()) + 1)), ("webhook-signature", "v1,AAAA")],
)
def test_each_signed_part_counts(header: str, value: str) -> None:
    assert not accepted({**signed(), header: value})


@pytest.mark.parametrize("body", [b"", b"{}", BODY + b" ", b"\xff\xfe"])
def test_another_body_is_refused(body: bytes) -> None:
    assert not accepted(signed(), body)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(header: str) -> None:
    headers = signed()
    del headers[header]
    with pytest.raises(Refused):
        StandardVerifier([FIRST]).verify(request(headers), NOW)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(signed(), ENOUGH)), st.binary(max_size=40))
def test_garbage_is_refused_and_never_anything_else(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Refused):
        StandardVerifier([FIRST, SECOND]).verify(request(headers, body), NOW)


@pytest.mark.parametrize("stamp", ["nan", "inf", "-inf", "1e400", "", "٣", "0x10", "9" * 400])
def test_a_timestamp_that_is_none_is_refused(stamp: str) -> None:
    assert not accepted({**signed(), "webhook-timestamp": stamp})


def test_the_refusal_tells_a_forger_nothing() -> None:
    reasons = set()
    for headers in (signed(FOREIGN), signed(at=NOW - timedelta(hours=1)), {}):
        with pytest.raises(Refused) as caught, freeze_time(NOW):
            StandardVerifier([FIRST]).verify(request(headers), NOW)
        reasons.add(str(caught.value))
    assert len(reasons) == 1


@pytest.mark.parametrize("secret", ["whsec_a", "", "whsec_", "whsec_é"])
def test_a_secret_that_is_none_is_a_fault_of_the_configuration(secret: str) -> None:
    with pytest.raises(Misconfigured):
        StandardVerifier([secret])


def standard(key: bytes) -> str:
    return base64.b64encode(key).decode()


def of_urls(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


FORMS: dict[str, Callable[[bytes], str]] = {
    "the standard's": lambda key: f"whsec_{standard(key)}",
    "unpadded": lambda key: f"whsec_{standard(key).rstrip('=')}",
    "of URLs": lambda key: f"whsec_{of_urls(key)}",
    "of URLs, unpadded": lambda key: f"whsec_{of_urls(key).rstrip('=')}",
    "with its version": lambda key: f"v1,whsec_{standard(key)}",
    "with its version, of URLs, unpadded": lambda key: f"v1,whsec_{of_urls(key).rstrip('=')}",
    "hexadecimal": lambda key: f"whsec_{key.hex()}",
    "hexadecimal in capitals": lambda key: f"whsec_{key.hex().upper()}",
    "bare": standard,
    "bare, of URLs, unpadded": lambda key: of_urls(key).rstrip("="),
    "bare hexadecimal": bytes.hex,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@given(key=st.binary(min_size=16, max_size=64))
@settings(max_examples=30)
def test_every_form_in_which_a_sender_shows_its_key_opens(form: Callable[[bytes], str], key: bytes) -> None:
    assume(any(map(str.isdecimal, key.hex())))  # as in every key that was drawn at random
    headers = signed(key)
    with freeze_time(NOW):
        StandardVerifier([form(key)]).verify(request(headers), NOW)


@pytest.mark.parametrize(
    "secret",
    ["polar_whs_abcdefghijklmnop", "0123456789abcdef", "0123456789abcdef" * 4, "a.text-of;their#own", "x" * 64],
)
def test_the_text_itself_may_be_the_key(secret: str) -> None:
    with freeze_time(NOW):
        StandardVerifier([secret]).verify(request(signed(secret.encode())), NOW)
        with pytest.raises(Refused):
            StandardVerifier([secret]).verify(request(signed(FOREIGN)), NOW)


@pytest.mark.parametrize("prefix", ["", "whsec_"])
@pytest.mark.parametrize(
    "text", ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "303132333435363738396162636465663031323334353637"]
)
def test_what_follows_the_prefix_may_be_the_key_as_it_is(text: str, prefix: str) -> None:
    with freeze_time(NOW):
        StandardVerifier([f"whsec_{text}"]).verify(request(signed(f"{prefix}{text}".encode())), NOW)


@given(key=st.binary(min_size=1, max_size=15))
def test_a_key_that_could_be_guessed_is_refused_in_every_form(key: bytes) -> None:
    for form in ("the standard's", "unpadded", "of URLs", "with its version", "hexadecimal"):
        with pytest.raises(Misconfigured):
            StandardVerifier([FORMS[form](key)])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=8, max_size=40))
def test_any_text_is_read_or_refused_without_being_quoted(secret: str) -> None:
    try:
        keys = keys_of(secret)
    except Misconfigured as error:
        keys, reason = (b"x" * 16,), str(error)
    else:
        reason = ""
    assert min(map(len, keys)) >= 16
    assert secret not in reason
