"""Sealed data opens in its own row, with its own key, unchanged, or not at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Misconfigured, Refused
from pipeline.security.keys import KEY_ID_BYTES, derive, key_id
from pipeline.security.vault import Vault

OLD, NEW = "an old secret key", "a new secret key"
CONTENTS = {"email": "ann@example.com", "name": "Ann 🎉", "phone": 4477, "none": None}


@given(st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=20) | st.integers(0, 2**53), max_size=4))
@settings(max_examples=25)
def test_what_was_sealed_opens_again(contents: dict[str, object]) -> None:
    vault = Vault([NEW])
    sealed = vault.seal(contents, "row:1")
    assert vault.open(sealed, "row:1") == contents


def test_nothing_of_the_contents_is_in_the_sealed_bytes() -> None:
    sealed = Vault([NEW]).seal(CONTENTS, "row:1")
    assert b"ann" not in sealed
    assert b"email" not in sealed


def test_the_same_contents_are_never_sealed_alike() -> None:
    vault = Vault([NEW])
    assert vault.seal(CONTENTS, "row:1") != vault.seal(CONTENTS, "row:1")


def test_another_row_is_refused() -> None:
    vault = Vault([NEW])
    with pytest.raises(Refused):
        vault.open(vault.seal(CONTENTS, "row:1"), "row:2")


def test_every_changed_byte_is_refused() -> None:
    vault = Vault([NEW])
    sealed = vault.seal({"a": 1}, "row:1")
    for n in range(len(sealed)):
        changed = sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :]
        with pytest.raises(Refused):
            vault.open(changed, "row:1")


@pytest.mark.parametrize("length", [0, 3, 4, 15, 16, 31])
def test_a_value_that_was_cut_is_refused(length: int) -> None:
    vault = Vault([NEW])
    with pytest.raises(Refused):
        vault.open(vault.seal(CONTENTS, "row:1")[:length], "row:1")


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals() -> None:
    before, after = Vault([OLD]), Vault([NEW, OLD])
    assert after.open(before.seal(CONTENTS, "row:1"), "row:1") == CONTENTS
    sealed = after.seal(CONTENTS, "row:1")
    assert Vault([NEW]).open(sealed, "row:1") == CONTENTS
    with pytest.raises(Refused, match="not configured"):
        before.open(sealed, "row:1")


def test_a_rotation_changes_no_pseudonym_and_no_index() -> None:
    before, after = Vault([OLD]), Vault([NEW, OLD])
    assert before.pseudonym("ann@example.com") == after.pseudonym("ann@example.com")
    assert before.email_index("ann@example.com") == after.email_index("ann@example.com")


def test_an_index_finds_other_spellings_and_tells_purposes_apart() -> None:
    vault = Vault([NEW])
    assert vault.email_index(" Ann@Example.com ") == vault.email_index("ann@example.com")
    assert vault.phone_index("+44 (7700) 900-123") == vault.phone_index("447700900123")
    assert vault.email_index("447700900123") != vault.phone_index("447700900123")
    assert Vault([OLD]).email_index("ann@example.com") != vault.email_index("ann@example.com")


def test_a_pseudonym_tells_nothing_and_stays_the_same() -> None:
    pseudonym = Vault([NEW]).pseudonym("ann@example.com")
    assert pseudonym == Vault([NEW]).pseudonym("ANN@example.com")
    assert "ann" not in pseudonym
    assert pseudonym.startswith("p_")


@pytest.mark.parametrize("keys", [[], [""]])
def test_without_a_secret_key_there_is_no_vault(keys: list[str]) -> None:
    with pytest.raises(Misconfigured, match="SERVICE6_SECRET_KEY"):
        Vault(keys)


def test_purposes_have_keys_of_their_own() -> None:
    purposes = {derive(NEW, purpose) for purpose in ("contacts", "contact-index", "access-token")}
    assert len(purposes) == 3
    assert all(len(key_id(key)) == KEY_ID_BYTES and key_id(key) not in key for key in purposes)
