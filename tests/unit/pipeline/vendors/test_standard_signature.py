"""Standard Webhooks signatures: accepted with an active secret just now, otherwise Refused and nothing else."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from pipeline.errors import Misconfigured, Refused
from pipeline.vendors.signed_request import SignedRequest
from pipeline.vendors.standard.signature import StandardVerifier

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND, FOREIGN = (f"whsec_{base64.b64encode(word * 6).decode()}" for word in (b"one1", b"two2", b"bad3"))
BODY = b'{"type":"lead.updated"}'
ENOUGH = st.text(st.characters(max_codepoint=0xFF), max_size=60)


def signed(secret: str = FIRST, *, at: datetime = NOW, body: bytes = BODY, delivery: str = "d1") -> dict[str, str]:
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
