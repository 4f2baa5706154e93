"""Attributes -> vectors -> bins: the same for one lead and for a matrix, whatever a CRM sends."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.encoding import LARGEST, Feature
from pipeline.scoring.features import ACTIVE_AT, MISSING_BIN, FeatureSet
from schemas.score import Value

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUDGET = Feature("budget", "number", ("deal value",), cuts=(10.0, 100.0))
SOURCE = Feature("source", "category", ("channel",), codes={"ads": 1, "referral": 2, "partner": 2})
SEEN = Feature("seen_at", "age", (ACTIVE_AT,), cuts=(2.0, 30.0))
FEATURES = FeatureSet([BUDGET, SOURCE, SEEN])

VALUES = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats() | st.text(max_size=20)
LEADS = st.lists(
    st.dictionaries(st.sampled_from(["budget", "Deal Value", "source", "Channel", "seenAt", "other"]), VALUES),
    min_size=1,
    max_size=8,
)


def encoded(feature: Feature, value: Value | datetime) -> float:
    return FeatureSet([feature]).encode([value])[0]


def place(feature: Feature, value: Value | datetime) -> int:
    features = FeatureSet([feature])
    return int(features.bins(features.matrix([[value]]), NOW)[0, 0])


@given(LEADS)
def test_one_lead_and_a_matrix_of_leads_encode_alike_to_the_bit(leads: list[dict[str, Value]]) -> None:
    rows = [FEATURES.values(lead, NOW) for lead in leads]
    together = FEATURES.matrix(rows)
    assert together.dtype == np.float32
    for row, values in zip(together, rows, strict=True):
        assert FEATURES.matrix([values])[0].tobytes() == row.tobytes()
        assert np.frombuffer(row.tobytes(), np.float32).tobytes() == row.tobytes()


@given(LEADS)
def test_every_value_has_a_bin_of_its_feature(leads: list[dict[str, Value]]) -> None:
    bins = FEATURES.bins(FEATURES.matrix([FEATURES.values(lead, NOW) for lead in leads]), NOW)
    counts = [feature.bin_count for feature in FEATURES.features]
    assert ((bins >= 0) & (bins < counts)).all()


@given(st.floats(allow_nan=False) | st.integers(-(10**18), 10**18))
def test_numbers_are_clipped_to_what_a_float32_holds(number: float) -> None:
    assert abs(np.float32(encoded(BUDGET, number))) <= LARGEST


def test_no_leads_are_an_empty_matrix() -> None:
    assert FEATURES.matrix([]).shape == (0, 3)
    assert FEATURES.bins(FEATURES.matrix([]), NOW).shape == (0, 3)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5.0),
        (True, 1.0),
        ("5000", 5000.0),
        ("$1,250.50", 1250.5),
        ("1.250,50 €", 1250.5),
        ("12,5", 12.5),
        ("1,250", 1250),
        ("1,250,000", 1_250_000),
        (" 12 % ", 12.0),
        ("€99", 99.0),
        ("1e400", LARGEST),
        ("-inf", -LARGEST),
    ],
)
def test_numbers_may_be_written_as_text(value: Value, number: float) -> None:
    assert encoded(BUDGET, value) == number


@pytest.mark.parametrize("value", [None, "", "Select", "n/a", "lots", "nan", float("nan"), NOW, "🎉", "١٢ شخص"])
def test_what_is_no_number_is_missing(value: Value | datetime) -> None:
    assert place(BUDGET, value) == MISSING_BIN


@pytest.mark.parametrize(("value", "range_"), [(-5, 1), (9.99, 1), (10, 2), (99, 2), (100, 3), (1e17, 3)])
def test_a_cut_belongs_to_the_range_above_it(value: float, range_: int) -> None:
    assert place(BUDGET, value) == range_


@pytest.mark.parametrize(
    ("value", "code"),
    [("ads", 1), (" ADS ", 1), ("Referral", 2), ("partner", 2), ("tv", 3), (7, 3), (True, 3), ("🎉", 3)],
)
def test_words_are_compared_without_case_and_unseen_ones_have_a_bin(value: Value, code: int) -> None:
    assert place(SOURCE, value) == code


@pytest.mark.parametrize("value", [None, "", "Select", " please select ", "N/A", "null", "-", "Unknown"])
def test_form_defaults_are_missing(value: Value) -> None:
    assert place(SOURCE, value) == MISSING_BIN


@pytest.mark.parametrize(
    ("value", "range_"),
    [
        (NOW, 1),
        (NOW - timedelta(days=3), 2),
        (NOW - timedelta(days=31), 3),
        (NOW + timedelta(days=9), 1),  # a clock that runs ahead is no negative age
        ("2026-11-21T12:00:00Z", 1),
        ("2026-11-10", 2),
        (1_795_340_000, 1),
        (1_795_340_000_000, 1),  # milliseconds
        ("yesterday", MISSING_BIN),
        ("0001-01-01T00:00:00Z", MISSING_BIN),  # what systems write for "never"
        (float("nan"), MISSING_BIN),
        (1e308, MISSING_BIN),
        (True, MISSING_BIN),
    ],
)
def test_moments_are_read_as_crms_write_them(value: Value | datetime, range_: int) -> None:
    assert place(SEEN, value) == range_


def test_the_age_grows_with_the_clock_not_with_the_vector() -> None:
    matrix = FEATURES.matrix([FEATURES.values({}, NOW)])
    later = [int(FEATURES.bins(matrix, NOW + timedelta(days=days))[0, 2]) for days in (0, 3, 31)]
    assert later == [1, 2, 3]


def test_the_first_of_a_features_names_that_is_set_wins() -> None:
    assert FEATURES.values({"Deal Value": 7}, NOW)[0] == 7
    assert FEATURES.values({"DealValue": 7, "budget": 5}, NOW)[0] == 5
    assert FEATURES.values({"Deal Value": 7, "budget": None}, NOW)[0] == 7
    assert FEATURES.values({"seenAt": "2026-01-01"}, NOW)[2] == "2026-01-01"
    assert FEATURES.values({}, NOW)[2] == NOW


def test_nobody_sends_the_leads_newest_change_as_an_attribute() -> None:
    assert FEATURES.values({ACTIVE_AT: "1999-01-01"}, NOW)[2] == NOW
