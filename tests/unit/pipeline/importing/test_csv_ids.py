"""What a spreadsheet does to ids, and what is undone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import GiveUp
from pipeline.importing.csv_ids import IdColumn


def read(*texts: str) -> list[str]:
    column = learned(*texts)
    column.check()
    return [column.read(text) for text in texts]


def learned(*texts: str) -> IdColumn:
    column = IdColumn("Record ID")
    for text in texts:
        column.learn(text)
    return column


@pytest.mark.parametrize(
    "texts",
    [
        ("1.23457E+11",) * 3,
        ("1.23457E+11", "", "9.1E+12"),
        ("1E+11", "2E+11"),
        ("1,23457E+11", "1,23458E+11"),
        ("1.23457e+011",),
        ("-1.5E+10",),
        ("123E10", "124E10"),
        (" 1.23457E+11 ", '="1.23457E+11"'),
    ],
)
def test_a_column_that_a_spreadsheet_has_rounded_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(GiveUp, match=r"rounded the ids in 'Record ID' .* format the column as text") as caught:
        read(*texts)
    assert "1.2" not in str(caught.value)


@pytest.mark.parametrize("text", ["1.23457E+11", "1E+11", "1,5e+10", "1.5E10"])
def test_a_single_rounded_id_is_rejected(text: str) -> None:
    column = learned("17", text)
    column.check()
    assert column.read("17") == "17"
    with pytest.raises(GiveUp, match="rounded the id to scientific notation"):
        column.read(text)


def test_ids_of_which_a_spreadsheet_kept_15_digits_are_refused() -> None:
    rounded = ["123456789012345000", "123456789012346000", "1234567890123450"]
    with pytest.raises(GiveUp, match="rounded the ids in 'Record ID' to 15 digits"):
        read(*rounded, "17")
    for texts in ([*rounded, "123456789012345678"], rounded[:2]):
        assert read(*texts) == texts


@pytest.mark.parametrize("text", ["NaN", "null", "None", "#N/A", " n/a ", "-", "#REF!", '="NULL"'])
def test_a_word_for_no_id_is_none(text: str) -> None:
    assert read(text, "101.0", "nanny-1") == ["", "101.0", "nanny-1"]
    assert read(text, "101.0") == ["", "101"]


def test_an_id_that_looks_like_a_power_by_chance_stays() -> None:
    assert read("12E4", "12F4", "1e-05") == ["12E4", "12F4", "1e-05"]


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (("101.0", "102.0", ""), ["101", "102", ""]),
        (("101", "102.00"), ["101", "102"]),
        (("101,0", "102,0"), ["101", "102"]),
        (("1.0", "1.1", "2.0"), ["1.0", "1.1", "2.0"]),
        (("101.0", "x"), ["101.0", "x"]),
        (("101.000", "102.000"), ["101.000", "102.000"]),
        (('="00123"', '="00124"'), ["00123", "00124"]),
        (("'00123", "'x"), ["00123", "'x"]),
        ((" 7 ", "\u00a08\u200b", "a \u00a0 b"), ["7", "8", "a b"]),
    ],
)
def test_what_a_spreadsheet_did_is_undone(texts: tuple[str, ...], ids: list[str]) -> None:
    assert read(*texts) == ids


def test_notes_tell_how_many_were_changed() -> None:
    assert learned("101.0", "102", " 3 ", '="4"').notes() == [
        "1 ids in 'Record ID' were numbers with decimals: 101.0 is read as 101",
        "1 ids in 'Record ID' were marked as text: =\"00123\" is read as 00123",
        "1 ids in 'Record ID' had spaces too many, which are left out",
    ]
    assert learned("101", "x-1", "").notes() == []


SPELLINGS = st.one_of(st.text(max_size=8), st.from_regex(r"[ ']?(=\")?\d{1,3}([.,]0{1,3})?\"?", fullmatch=True))


@given(st.lists(SPELLINGS, max_size=6))
def test_what_is_one_id_has_one_key(texts: list[str]) -> None:
    column = learned(*texts)
    found: dict[str, set[str]] = {}
    for text in texts:
        try:
            found.setdefault(column.read(text), set()).add(IdColumn.key(text))
        except GiveUp:
            continue
    assert all(len(keys) == 1 for keys in found.values())
