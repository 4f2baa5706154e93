"""Factors and the sentence: the largest terms, in the words of the card, without values where none may be."""

from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring import explain
from pipeline.scoring.explain import (
    DECIMALS,
    ENOUGH,
    NOTHING_KNOWN,
    PACKED,
    STRONGEST,
    VALUE_LIMIT,
    Term,
    Wording,
    term,
)
from schemas.score import Tier, Value
from tests.unit.pipeline.scoring.cards import NOW

WORDINGS = [
    [Wording("budget", "Budget not known"), Wording("budget", "large budget")],
    [Wording("source", "Source not known"), Wording("source", "cold contact")],
]


RECORDS = [(0, 1, 13.0), (1, 1, -9.0)]


def told(values: list[Value | datetime] | None) -> list[dict[str, Value]]:
    return explain.factors(RECORDS, WORDINGS, None if values is None else values.__getitem__)[0]


@given(st.lists(st.lists(st.floats(-100, 100), min_size=8, max_size=8), min_size=1, max_size=5))
def test_the_strongest_are_the_largest_terms_whatever_their_sign(rows: list[list[float]]) -> None:
    terms = np.array(rows)
    kept = explain.strongest(terms, np.tile(np.arange(8), (len(rows), 1)))
    assert kept.shape == (len(rows), STRONGEST)
    for row, chosen in zip(terms, kept, strict=True):
        strengths = np.abs(row[chosen["term"]])
        assert strengths.tolist() == sorted(np.abs(row).tolist(), reverse=True)[:STRONGEST]
        assert chosen["place"].tolist() == chosen["term"].tolist()
        assert chosen["points"].tolist() == row[chosen["term"]].astype(np.float32).tolist()


def test_a_card_of_few_features_has_few_factors() -> None:
    assert explain.strongest(np.array([[1.0, -2.0]]), np.array([[1, 1]])).shape == (1, 2)


@given(st.lists(st.floats(-100, 100, width=32), max_size=5))
def test_factors_survive_being_stored_and_are_rounded_as_python_rounds(points: list[float]) -> None:
    stored = np.array([(n, 1, number) for n, number in enumerate(points)], PACKED).tobytes()
    expected = [(n, 1, round(number, DECIMALS)) for n, number in enumerate(points)]
    assert explain.readable(explain.unpack(stored)) == expected


def test_a_factor_names_attribute_label_points_and_value() -> None:
    assert told([600_000, NOW]) == [
        {"attribute": "budget", "label": "large budget", "points": 13, "value": 600_000},
        {"attribute": "source", "label": "cold contact", "points": -9, "value": NOW.isoformat()},
    ]


def test_without_values_there_is_none_in_a_factor() -> None:
    assert [factor["value"] for factor in told(None)] == [None, None]


def test_a_long_value_is_cut() -> None:
    assert told(["x" * 10_000, None])[0]["value"] == "x" * VALUE_LIMIT


def test_a_term_of_nothing_is_no_factor() -> None:
    fields, words = explain.factors([(0, 0, 0.0), (1, 1, -9.0)], WORDINGS, None)
    assert [field["attribute"] for field in fields] == [word.attribute for word in words] == ["source"]


def test_the_sentence_tells_what_speaks_for_and_what_against() -> None:
    words = [term(WORDINGS[0][1], 13), term(WORDINGS[1][1], -9)]
    assert explain.sentence(Tier.B, ENOUGH, words) == "Promising lead: large budget (+13); but cold contact (−9)."
    assert explain.sentence(Tier.A, ENOUGH, words[:1]) == "Strong lead: large budget (+13)."
    assert explain.sentence(Tier.D, ENOUGH, words[1:]) == "Weak lead: cold contact (−9)."
    assert explain.sentence(Tier.D, ENOUGH, []) == NOTHING_KNOWN
    learned = [term(WORDINGS[0][1], 12.96), term(WORDINGS[1][1], -9.123)]
    assert explain.sentence(Tier.B, ENOUGH, learned) == "Promising lead: large budget (+13); but cold contact (−9.1)."


def test_of_too_little_it_says_so_and_what_there_is() -> None:
    told = explain.sentence(Tier.C, ENOUGH - 0.01, [term(WORDINGS[0][1], 13)])
    assert told == f"{NOTHING_KNOWN} So far: large budget (+13)."


def test_the_sentence_stays_short() -> None:
    many = [Term("a", f"good {n}", 9) for n in range(5)]
    many += [Term("b", f"bad {n}", -9) for n in range(5)]
    assert explain.sentence(Tier.C, ENOUGH, many).count("(") == 5
