"""Access tokens: what is minted is read back; all else is refused with a reason, without an echo."""

import base64
import hmac
import json
import unicodedata
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_encode

from pipeline.errors import GiveUp, Misconfigured, Refused
from pipeline.security import keys, tokens
from schemas.access import MOST_OWNERS, NAME_LIMIT, Role

SECRET = "the-deployments-secret-key"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OUR_KEY_ID = keys.key_id(keys.derive(SECRET, "access-token")).hex()


def minted(secret: str = SECRET) -> str:
    return tokens.mint(secret, role=Role.AGENT, sub="ann", owners=["ann", "bo"], lifetime=HOUR, now=NOW)


def signed_by_us(claims: dict[str, object], **header: object) -> str:
    """Bytes as JSON and signature have them: PyJWT itself would refuse to write some of these."""
    head = {"alg": "HS256", "typ": "JWT", "kid": OUR_KEY_ID, **header}
    parts = b".".join(base64url_encode(json.dumps(part).encode()) for part in (head, claims))
    key = keys.derive(SECRET, "access-token")
    return (parts + b"." + base64url_encode(hmac.digest(key, parts, "sha256"))).decode()


def claims() -> dict[str, object]:
    read: dict[str, object] = jwt.decode(minted(), options={"verify_signature": False})
    return read


def refusal(token: str) -> str:
    with pytest.raises(Refused) as caught:
        tokens.verify(SECRET, token, now=NOW)
    assert not isinstance(caught.value, tokens.Expired)
    assert len(token) < 8 or token not in str(caught.value)
    return str(caught.value)


def test_what_is_minted_is_read_back() -> None:
    read = tokens.verify(SECRET, minted(), now=NOW)
    assert (read.sub, read.role, read.owners, read.expires_at) == (
        "ann",
        Role.AGENT,
        ("ann", "bo"),
        NOW + HOUR,
    )


def test_every_token_is_a_session_of_its_own() -> None:
    assert tokens.verify(SECRET, minted(), now=NOW).sid != tokens.verify(SECRET, minted(), now=NOW).sid


def test_a_token_ends_exactly_at_its_expiry() -> None:
    tokens.verify(SECRET, minted(), now=NOW + HOUR - timedelta(microseconds=1))
    with pytest.raises(tokens.Expired, match="expired"):
        tokens.verify(SECRET, minted(), now=NOW + HOUR)


def test_an_expired_forgery_is_called_forged() -> None:
    with pytest.raises(Refused) as caught:
        tokens.verify("another-secret", minted(), now=NOW + 2 * HOUR)
    assert not isinstance(caught.value, tokens.Expired)


def test_another_deployments_token_is_refused() -> None:
    assert "not ours" in refusal(minted("another-secret"))


def test_a_signature_by_another_key_is_refused_though_the_key_id_is_ours() -> None:
    assert "forged" in refusal(jwt.encode(claims(), b"x" * 32, algorithm="HS256", headers={"kid": OUR_KEY_ID}))


def test_an_unsigned_token_is_refused() -> None:
    assert "forged" in refusal(jwt.encode(claims(), None, algorithm="none", headers={"kid": OUR_KEY_ID}))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    assert "forged" in refusal(jwt.encode(claims(), b"x" * 64, algorithm=algorithm, headers={"kid": OUR_KEY_ID}))


def test_a_wrong_key_id_is_refused() -> None:
    assert "not ours" in refusal(signed_by_us(claims(), kid="0123456789abcdef"))


def test_another_audience_is_refused() -> None:
    assert "not meant for" in refusal(signed_by_us({**claims(), "aud": "elsewhere"}))


@pytest.mark.parametrize("claim", tokens.REQUIRED)
def test_a_missing_claim_is_named(claim: str) -> None:
    assert claim in refusal(signed_by_us({k: v for k, v in claims().items() if k != claim}))


WITHOUT_SENSE = [
    {"role": "owner"},
    {"role": None},
    {"role": ["admin"]},
    {"owners": "ann"},
    {"owners": {"ann": 1}},
    {"owners": [1]},
    {"owners": [""]},
    {"owners": ["a" * (NAME_LIMIT + 1)]},
    {"owners": ["a"] * (MOST_OWNERS + 1)},
    {"sub": 7},
    {"sub": ""},
    {"sub": "a" * (NAME_LIMIT + 1)},
    {"sub": "ann\nroot"},
    {"sub": "ann\x1b[2J"},
    {"sub": "ann\u202e"},
    {"sub": "ann\x00"},
    {"sub": "\ud800"},
    {"sid": ""},
    {"sid": "s" * 65},
    {"sid": "s\r\n"},
    {"exp": "soon"},
    {"exp": "2030-01-01T00:00:00Z"},
    {"exp": True},
    {"exp": None},
    {"exp": []},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"exp": 1e300},
    {"exp": -1e300},
    {"exp": NOW.timestamp() * 1000},
    {"exp": (NOW + tokens.LONGEST + timedelta(days=1)).timestamp()},
    {"iat": "now"},
    {"iat": True},
    {"iat": float("nan")},
    {"nbf": "now"},
    {"nbf": None},
    {"nbf": float("-inf")},
]


@pytest.mark.parametrize("wrong", WITHOUT_SENSE, ids=lambda wrong: repr(wrong)[:40].encode("unicode_escape").decode())
def test_claims_without_sense_are_refused(wrong: dict[str, object]) -> None:
    refusal(signed_by_us({**claims(), **wrong}))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b.c", "ü.ü.ü", "\ud800", base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.e30"],
)
def test_garbage_is_refused(token: str) -> None:
    assert "forged or damaged" in refusal(token)


def test_while_the_secret_key_is_rotated_older_tokens_stay_good() -> None:
    older = minted()
    rotated = f"the-new-secret-key {SECRET}"
    assert tokens.verify(rotated, older, now=NOW).sub == "ann"
    assert tokens.verify("the-new-secret-key", minted(rotated), now=NOW).sub == "ann"


def test_without_a_secret_key_nothing_is_minted_or_verified() -> None:
    with pytest.raises(Misconfigured, match="SERVICE6_SECRET_KEY"):
        minted("")
    with pytest.raises(Misconfigured, match="SERVICE6_SECRET_KEY"):
        tokens.verify("", minted(), now=NOW)


# Of the future, and with headers that ask for more than a signature.

MINUTE = 60


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("ahead_s", [MINUTE + 1, 3600, 86_400 * 3650])
def test_a_token_of_the_future_is_refused(name: str, ahead_s: float) -> None:
    assert "of the future" in refusal(signed_by_us({**claims(), name: NOW.timestamp() + ahead_s}))


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("ahead_s", [-3600, 0, 59.5, MINUTE])
def test_another_machines_clock_may_be_a_little_ahead(name: str, ahead_s: float) -> None:
    assert tokens.verify(SECRET, signed_by_us({**claims(), name: NOW.timestamp() + ahead_s}), now=NOW).sub == "ann"


@pytest.mark.parametrize(
    "header",
    [
        {"zip": "DEF"},
        {"zip": None},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"b64": True},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AA"]},
        {"x5t": "AA"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"epk": {}},
        {"typ": "at+jwt"},
        {"typ": "JOSE"},
        {"typ": 7},
        {"typ": None},
        {"kid": ["a"]},
        {"kid": None},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {"unheard of": 1},
    ],
    ids=repr,
)
def test_a_header_that_asks_for_more_is_refused(header: dict[str, object]) -> None:
    refusal(signed_by_us(claims(), **header))


def test_a_header_without_a_type_is_ours() -> None:
    key = keys.derive(SECRET, "access-token")
    token = jwt.encode(claims(), key, algorithm="HS256", headers={"kid": OUR_KEY_ID, "typ": ""})
    assert tokens.verify(SECRET, token, now=NOW).sub == "ann"


def test_a_token_has_a_bounded_length() -> None:
    many = signed_by_us({**claims(), "owners": ["o" * 100] * 100})
    assert f"at most {tokens.TOKEN_LIMIT}" in refusal(many)
    assert "at most" in refusal("a" * 10_000_000)


@given(st.text(max_size=NAME_LIMIT + 20))
def test_whom_a_token_is_for_is_the_same_at_both_ends(sub: str) -> None:
    fit = 1 <= len(sub) <= NAME_LIMIT and not any(
        unicodedata.category(letter)[0] == "C" or (unicodedata.category(letter)[0] == "Z" and letter != " ")
        for letter in sub
    )
    try:
        minted_for = tokens.mint(SECRET, role=Role.ADMIN, sub=sub, lifetime=HOUR, now=NOW)
    except GiveUp:
        assert not fit
        refusal(signed_by_us({**claims(), "sub": sub}))
    else:
        assert fit
        assert tokens.verify(SECRET, minted_for, now=NOW).sub == sub


@pytest.mark.parametrize(
    "owners", [["a" * (NAME_LIMIT + 1)], ["a"] * (MOST_OWNERS + 1), [""], [f"{number:0>150}" for number in range(80)]]
)
def test_no_token_is_made_that_would_be_refused(owners: list[str]) -> None:
    with pytest.raises(GiveUp, match="no token can be made"):
        tokens.mint(SECRET, role=Role.AGENT, sub="ann", owners=owners, lifetime=HOUR, now=NOW)
