"""Which attributes become features, of what kind, and why the others do not."""

import pytest

from pipeline.learning.column_kinds import RARE, columns
from schemas.score import Value

LEADS = 200


def found(name: str, values: list[Value]) -> tuple[str, dict[str, int]] | str:
    """Kind and words of the feature, or the reason why it is none."""
    made = columns([{name: value} for value in values])
    if made.left_out:
        return made.left_out[0].reason
    return made.features[0].kind, dict(made.features[0].codes)


def test_words_that_few_leads_have_share_a_bucket() -> None:
    values: list[Value] = ["Ads"] * 100 + ["referral"] * (100 - RARE + 1) + ["his aunt"] * (RARE - 1)
    assert found("source", values) == ("category", {"ads": 1, "referral": 2})


def test_form_defaults_and_empty_texts_are_no_words() -> None:
    kind, words = found("city", ["Rome", "Oslo", "Select", "", None] * 40)
    assert (kind, words) == ("category", {"oslo": 1, "rome": 2})


@pytest.mark.parametrize("yes_no", [(True, False), ("Yes", "No"), ("true", "false")])
def test_yes_and_no_are_one_feature_however_they_are_said(yes_no: tuple[Value, Value]) -> None:
    kind, words = found("newsletter", list(yes_no) * 100)
    assert kind == "category"
    assert {words["yes"], words["true"], words["1"]} == {1}
    assert {words["no"], words["false"], words["0"]} == {2}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([n % 50 for n in range(LEADS)], "number"),
        ([f"${n % 50},000" for n in range(LEADS)], "number"),
        ([n % 2 for n in range(LEADS)], "number"),
        (["soon" if n < 5 else n % 50 for n in range(LEADS)], "number"),
        ([f"2026-03-{n % 28 + 1:02}T08:00:00Z" for n in range(LEADS)], "age"),
        ([1_760_000_000_000 + 86_400_000 * (n % 90) for n in range(LEADS)], "age"),
    ],
)
def test_a_kind_is_what_nearly_all_values_are(values: list[Value], kind: str) -> None:
    assert found("x", values) == (kind, {})


def test_a_number_that_became_text_is_words() -> None:
    values: list[Value] = [n % 50 if n < 100 else "large" for n in range(LEADS)]
    assert found("size", values)[0] == "category"


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("campaign", ["spring"] * LEADS, "the same"),
        ("forum", ["yes"] + ["no"] * 9999, "the same"),
        ("remark", [f"note {n}" for n in range(LEADS)], "nearly every lead"),
        ("order", [5000 + 3 * n for n in range(LEADS)], "running number"),
        ("customerId", [7919 * n % 1_000_003 for n in range(LEADS)], "identifier"),
    ],
)
def test_what_tells_nothing_is_left_out_with_its_reason(name: str, values: list[Value], reason: str) -> None:
    assert reason in found(name, values)


def test_revenues_that_all_differ_are_no_identifier() -> None:
    assert found("revenue", [7919 * n % 1_000_003 for n in range(LEADS)]) == ("number", {})


def test_other_spellings_of_a_name_are_the_same_attribute() -> None:
    made = columns([{"Total Visits": n % 9} if n % 2 == 0 else {"totalVisits": n % 9} for n in range(LEADS)])
    assert [feature.name for feature in made.features] == ["Total Visits"]


def test_what_is_not_wanted_is_left_out_whatever_it_is() -> None:
    made = columns([{"Lead Stage": n % 9, "visits": n % 7} for n in range(LEADS)], {"lead_stage": "not wanted"})
    assert [(out.attribute, out.reason) for out in made.left_out] == [("Lead Stage", "not wanted")]
    assert [feature.name for feature in made.features] == ["visits"]


def test_what_we_keep_beside_the_vendors_attributes_is_neither_learned_from_nor_told() -> None:
    made = columns([{f"$opportunity/{n}/outcome": "won", "city": "Rome"} for n in range(LEADS)])
    assert [one.attribute for one in made.left_out] == ["city"]
