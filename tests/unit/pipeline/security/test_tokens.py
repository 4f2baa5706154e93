"""Access tokens: what is minted is read back; all else is refused with a reason, without an echo."""

import base64
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from pipeline.errors import Misconfigured, Refused
from pipeline.security import keys, tokens
from schemas.access import Role

SECRET = "the-deployments-secret-key"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OUR_KEY_ID = keys.key_id(keys.derive(SECRET, "access-token")).hex()


def minted(secret: str = SECRET) -> str:
    return tokens.mint(secret, role=Role.AGENT, sub="ann", owners=["ann", "bo"], lifetime=HOUR, now=NOW)


def signed_by_us(claims: dict[str, object], *, kid: str | None = None) -> str:
    key = keys.derive(SECRET, "access-token")
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid or OUR_KEY_ID})


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


@pytest.mark.parametrize("wrong", [{"role": "owner"}, {"owners": "ann"}, {"exp": "soon"}])
def test_claims_without_sense_are_refused(wrong: dict[str, object]) -> None:
    refusal(signed_by_us({**claims(), **wrong}))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b.c", "ü.ü.ü", "\ud800", base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.e30"],
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
