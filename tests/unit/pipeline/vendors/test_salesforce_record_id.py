"""Salesforce's ids: 15 characters whose case counts, and the checksum that makes 18 of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vendors.salesforce.record_id import full_id, record_part

LETTERS = st.text("ABCXYZabcxyz019", min_size=15, max_size=15)


@pytest.mark.parametrize(
    ("short", "full"),
    [  # known answers
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("0015000000Gv7qJ", "0015000000Gv7qJAAR"),
        ("00Q5g00000abcde", "00Q5g00000abcdeEAA"),
        ("aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaAAA"),
        ("AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA555"),
    ],
)
def test_the_checksum(short: str, full: str) -> None:
    assert full_id(short) == full_id(full) == full
    assert record_part(full) == record_part(short) == short


@given(one=LETTERS, other=LETTERS)
def test_ids_that_differ_in_their_case_alone_differ_in_any_case_with_the_checksum(one: str, other: str) -> None:
    assert (full_id(one).casefold() == full_id(other).casefold()) is (one == other)


@pytest.mark.parametrize("text", ["", "1", "L-1", "jane@example.com", "00Q5g00000AbCd", "00Q5g00000AbCdEx1y", "0" * 19])
def test_what_is_no_such_id_stays(text: str) -> None:
    assert (full_id(text), record_part(text)) == (text, None)
