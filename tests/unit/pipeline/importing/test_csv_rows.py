from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import GiveUp, Misconfigured
from pipeline.importing.csv_file import Record
from pipeline.importing.csv_rows import Layout, Rows
from pipeline.leads.attribute_names import AttributeNames
from pipeline.leads.attributes import plain
from pipeline.leads.money import Rates
from pipeline.leads.source_mapping import SourceMap
from pipeline.security.vault import Vault
from pipeline.settings.sections import IntakeSettings
from pipeline.settings.sources import SourceSettings
from schemas.lead import LeadChange
from schemas.score import Value

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SETTINGS = SourceSettings(vendor="standard", stage=("stage",))
SOURCE = SourceMap("crm", SETTINGS, Vault(["key"]), AttributeNames({}), Rates())
LIMITS = IntakeSettings(
    body_limit=1,
    queue_requests=1,
    queue_bytes=1,
    group_size=1,
    message_leads=1,
    pace_ms=1,
    answer_s=8,
    linger_ms=1,
    attribute_limit=3,
    text_limit=20,
)


def read(**cells: str) -> LeadChange:
    rows = Rows(["id", *cells], Layout("id"), SOURCE, LIMITS, run="import", now=NOW)
    return rows.change(Record(2, ["1", *cells.values()]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-5", -5),
        ("5000", 5000),
        ("2.50", 2.5),
        ("0.125", 0.125),
        ("007", "007"),
        ("+5", "+5"),
        ("1e5", "1e5"),
        ("5.", "5."),
        (".5", ".5"),
        ("1234567890123456", "1234567890123456"),
        ("1٣", "1٣"),
        ("٣", "٣"),
        (" x ", " x "),
    ],
)
def test_plain_numbers_are_numbers_and_ids_stay_texts(text: str, value: Value) -> None:
    found = read(a=text).attributes["a"]
    assert (found, type(found)) == (value, type(value))


NAMES = st.sampled_from(["email", "Zip", "Do Not Email", "Phone", "a@example.com", "stage", "notes", "First Name"])
TEXTS = st.one_of(
    st.text(min_size=1, max_size=20),
    st.from_regex(r"[+0]?[0-9]{1,10}([.][0-9]{0,8})?", fullmatch=True),
    st.sampled_from(["Yes", " false ", "ada@example.com", "+44 20 7946 0000", "something said"]),
)


@example("stage", "0.00")
@example("a@example.com", "0")
@given(NAMES, TEXTS)
def test_what_is_personal_of_a_text_is_decided_as_of_a_webhooks(name: str, text: str) -> None:
    change = read(**{name: text})
    if not text.strip():
        return
    # A number in a webhook may be written as a text; here it may become one.
    found = [*change.attributes.values(), *change.contacts.values()]
    values = [plain(text, "", LIMITS.text_limit), *(value for value in found if not isinstance(value, str))]
    assert any(
        (known(told), told.contacts, told.stage or None) == (change.attributes, change.contacts, change.stage)
        for told in (SOURCE.change("1", "d", NOW, {name: value}) for value in values)
    )


def known(change: LeadChange) -> dict[str, Value]:
    """A webhook removes what it says to be missing; a file says nothing of it."""
    return {name: value for name, value in change.attributes.items() if value is not None}


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_cell_is_a_missing_attribute(text: str) -> None:
    assert read(a=text).attributes == {}


def test_a_telephone_number_keeps_its_zeros() -> None:
    assert read(Phone="030123456", Mobile="4915112345").contacts == {"phone": "030123456", "mobile": "4915112345"}


def test_names_of_our_own_are_not_for_files() -> None:
    change = read(**{"$x": "y", "@a": "1"})
    assert change.attributes == {"x": "y", "a": 1}


def test_a_column_without_a_name_is_left_out() -> None:
    assert read(**{"": "x", "a": "y"}).attributes == {"a": "y"}


def change(columns: list[str], layout: Layout, *cells: str) -> LeadChange:
    return Rows(columns, layout, SOURCE, LIMITS, run="import", now=NOW).change(Record(2, list(cells)))


def test_several_columns_are_one_id_in_any_order_and_stay_attributes() -> None:
    columns = ["Company", "Plan"]
    found = change(columns, Layout(("Company", "Plan")), "Acme", " A ")
    assert found.attributes == {"company": "Acme", "plan": " A "}
    assert found.external_id == change(columns, Layout(("Plan", "Company")), "Acme", "A").external_id
    assert "Acme" not in found.external_id
    others = [("AcmeA", ""), ("Acme", "a"), ("Acme", "B"), ("", "A")]
    ids = {change(columns, Layout(("Company", "Plan")), *cells).external_id for cells in others}
    assert len(ids | {found.external_id}) == len(others) + 1


def test_case_does_not_count_in_an_address_of_an_id() -> None:
    ids = {
        change(["E-Mail", "Plan"], Layout(("E-Mail", "Plan")), email, "x").external_id
        for email in ("Ada@Example.com", "ada@example.com ")
    }
    assert len(ids) == 1


def test_several_columns_that_are_all_empty_are_no_id() -> None:
    with pytest.raises(GiveUp, match="the id is empty"):
        change(["a", "b", "c"], Layout(("a", "b")), " ", "", "x")


def test_a_row_is_its_own_id() -> None:
    layout = Layout((), drop=("c",))
    first = change(["a", "b", "c"], layout, "x", "y z", "1")
    assert first.attributes == {"a": "x", "b": "y z"}
    assert first.external_id == change(["a", "b", "c"], Layout(()), " x", "y z ", "1").external_id
    for cells in (("x", "y z", "2"), ("x y", "z", "1"), ("x", "", "1")):
        assert change(["a", "b", "c"], layout, *cells).external_id != first.external_id
    rejected = change(
        ["line", "reason", "a", "b", "c"], Layout((), drop=("line", "reason")), "7", "wrong", "x", "y z", "1"
    )
    assert rejected.external_id == first.external_id


@pytest.mark.parametrize(
    ("columns", "drop", "names"),
    [
        (["id", "Email", "Email", "a"], (), "Email"),
        (["id", "Email", "Email", "a", "a"], ("Email",), "a"),
        (["id", "id", "a"], (), "id"),
        (["id", "id", "a"], ("id",), "id"),
    ],
)
def test_columns_of_one_name_are_refused_with_what_to_do(columns: list[str], drop: tuple[str, ...], names: str) -> None:
    with pytest.raises(GiveUp, match=f"several columns are called {names}; rename all but one, or .* --drop"):
        change(columns, Layout("id", drop=drop), *columns)


def test_columns_of_one_name_are_all_left_out_by_it() -> None:
    columns = ["id", "Email", "Email", "a", "", ""]
    found = change(columns, Layout("id", drop=("Email",)), "1", "a@example.org", "b@example.org", "5", "", "")
    assert (found.attributes, found.contacts) == ({"a": 5}, {})


def test_every_column_that_is_named_must_be_there() -> None:
    with pytest.raises(Misconfigured, match="no column 'y', 'z'; the file has: id, x"):
        change(["id", "x"], Layout(("id", "y"), drop=("z",)), "1", "2")
