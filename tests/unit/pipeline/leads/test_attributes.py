"""Flattening: whatever JSON a CRM sends becomes flat, finite, bounded attributes, or is refused with its place."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Malformed
from pipeline.leads.attributes import DEPTH_LIMIT, NAME_LIMIT, RESERVED, canonical, flatten
from schemas.score import Value

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSON = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=12), below, max_size=4)
)


def flat(body: dict[str, object], *, most: int = 500, text_limit: int = 10_000) -> dict[str, Value]:
    return flatten(body, at="/data", most=most, text_limit=text_limit).values


def pointer(body: dict[str, object], *, most: int = 500, text_limit: int = 10_000) -> str:
    with pytest.raises(Malformed) as caught:
        flat(body, most=most, text_limit=text_limit)
    return caught.value.pointer


def nested(depth: int) -> dict[str, object]:
    body: dict[str, object] = {"leaf": 1}
    for _ in range(depth):
        body = {"in": body}
    return body


@pytest.mark.parametrize(
    "names",
    [
        ("Total Visits", "totalVisits", "total_visits", "TOTAL-VISITS", " total  visits "),
        ("TotalVisits", "total visits"),
        ("Company.Employees", "company.employees"),
        ("No. of Employees", "no_of_employees"),
        ("Größe (m)", "größe m"),
        ("E-Mail", "e_mail", "e mail"),
    ],
)
def test_spellings_of_a_name_are_one(names: tuple[str, ...]) -> None:
    assert len({canonical(name) for name in names}) == 1


def test_names_of_other_alphabets_are_told_apart() -> None:
    assert canonical("预算") == "预算"
    assert canonical("Цена 1") == "цена_1"
    assert canonical("Имя 1") == "имя_1"
    assert canonical("%%") == "%%"


def test_a_name_of_ours_stays_itself() -> None:
    assert canonical("$active_at") == "$active_at"


def test_objects_and_lists_are_named() -> None:
    body = {"a": {"b": {"c": 1}}, "rows": [{"n": 1}], "tags": ["x"], "empty": {}, "plain": 1}
    flat = flatten(body, at="", most=9, text_limit=9)
    assert flat.objects == {"a", "a.b", "rows", "rows.0", "empty"}


def test_objects_become_dotted_names_and_plain_lists_one_text() -> None:
    body = {"a": {"b": {"c": 1}}, "tags": ["x", 2, None], "rows": [{"n": 1}, "two"], "empty": {}, "none": []}
    assert flat(body) == {"a.b.c": 1, "tags": "x, 2, ", "rows.0.n": 1, "rows.1": "two", "none": None}


def test_nesting_has_a_bound() -> None:
    assert flat(nested(DEPTH_LIMIT))
    assert pointer(nested(DEPTH_LIMIT + 1)).startswith("/data/in/in")


def test_a_list_in_lists_without_end_is_refused() -> None:
    body: object = 1
    for _ in range(200):
        body = [body]
    assert pointer({"deep": body}).startswith("/data/deep")


def test_what_is_out_of_bounds_may_be_cut() -> None:
    found = flatten({"note": "x" * 30, "big": 10**18, "odd": 1e308}, at="", most=9, text_limit=20, cut=True)
    assert found.values == {"note": "x" * 20, "big": "1000000000000000000", "odd": "1e+308"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e308, 1e18, -1e18, 10**400])
def test_a_number_that_is_none_is_refused_with_its_place(number: float) -> None:
    assert pointer({"a": {"budget": number}}) == "/data/a/budget"


def test_nul_becomes_a_replacement_character_in_names_and_values() -> None:
    assert flat({"a\0b": "c\0d"}) == {"a\ufffdb": "c\ufffdd"}


def test_a_long_text_a_long_name_and_no_name_are_refused() -> None:
    assert pointer({"note": "x" * 11}, text_limit=10) == "/data/note"
    assert pointer({"list": ["x" * 6, "y" * 6]}, text_limit=10) == "/data/list"
    assert pointer({"n" * (NAME_LIMIT + 1): 1}).startswith("/data/nnn")
    assert pointer({"": 1}) == "/data/"


def test_too_many_attributes_are_refused_however_they_are_nested() -> None:
    assert len(flat({str(n): n for n in range(5)}, most=5)) == 5
    assert pointer({str(n): n for n in range(6)}, most=5) == "/data"
    assert pointer({"a": {str(n): n for n in range(6)}}, most=5) == "/data"


def test_a_pointer_escapes_what_json_pointers_escape() -> None:
    assert pointer({"a/b": {"c~d": float("nan")}}) == "/data/a~1b/c~0d"


@pytest.mark.parametrize("mark", ["$", "*", "@"])
def test_our_own_marks_are_nobody_elses(mark: str) -> None:
    """`$stage`, `*` and `@email` have meanings in `attribute_times`."""
    assert list(flat({f"{mark}stage": 1})) == ["_stage"]


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=6))
@settings(max_examples=40)
def test_what_is_accepted_can_be_stored(body: dict[str, object]) -> None:
    try:
        attributes = flat(body)
    except Malformed:
        return
    for name, value in attributes.items():
        assert name
        assert name[0] not in RESERVED
        assert "\0" not in name
        assert value is None or isinstance(value, bool | int | float | str)
        assert not isinstance(value, str) or "\0" not in value
    assert orjson.loads(orjson.dumps(attributes)) == attributes


@given(
    st.dictionaries(st.text(max_size=12, alphabet=st.characters(min_codepoint=0xD700, max_codepoint=0xE000)), SCALARS)
)
def test_lone_surrogates_are_stored_as_text_or_refused(body: dict[str, object]) -> None:
    try:
        orjson.dumps(flat(body))
    except Malformed:
        return


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    """A file read with another encoding brings them; UTF-8 and jsonb cannot hold them."""
    assert flat({"a\ud800": "b\udfff", "list": ["\ud800"]}) == {"a\ufffd": "b\ufffd", "list": "\ufffd"}
