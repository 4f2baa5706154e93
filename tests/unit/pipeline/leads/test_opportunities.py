"""Several opportunities of one lead: none overwrites another, and one of them decides."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.leads import opportunities
from pipeline.leads.merging import Lead, LeadDiff
from schemas.lead import LeadChange
from schemas.score import Value

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Told(NamedTuple):
    """What one delivery says, so many minutes after the first."""

    opportunity: str
    minute: int
    budget: int | None
    outcome: str | None  # "open" is one too
    stage: str = "s1"


def change(told: Told) -> LeadChange:
    attributes: dict[str, Value] = {"budget": told.budget, "opportunity.pipelineId": told.opportunity}
    at = NOW - timedelta(hours=5) + timedelta(minutes=told.minute)
    said = LeadChange(
        "ghl", "g1", f"d{told}", at, attributes, {"opportunity.name": "x"}, stage=told.stage, outcome=told.outcome
    )
    return opportunities.apart(said, told.opportunity)


def lead_of(*all_told: Told) -> tuple[Lead, list[LeadDiff | None]]:
    lead = Lead("ghl", "g1")
    return lead, [opportunities.fold(Lead.fold, lead, change(told), NOW) for told in all_told]


def shown(*all_told: Told) -> tuple[object, ...]:
    lead, _ = lead_of(*all_told)
    return lead.outcome, lead.attributes.get("budget"), lead.attributes["opportunity.pipelineId"], lead.stage


def known(lead: Lead) -> dict[str, Value]:
    return {name: value for name, value in lead.attributes.items() if value is not None}


WON = Told("op1", 0, 250_000, "won", "done")
LOST = Told("op3", 1, 1_000, "lost", "gone")
OPEN, NEWER = Told("op4", 2, 7_000, "open", "s4"), Told("op5", 3, 8_000, "open", "s5")


@pytest.mark.parametrize(
    ("all_told", "expected"),
    [
        ([WON], ("won", 250_000, "op1", "done")),
        ([WON, LOST], ("won", 250_000, "op1", "done")),
        ([WON, LOST, OPEN], ("won", 250_000, "op1", "done")),
        ([LOST], ("lost", 1_000, "op3", "gone")),
        ([LOST, OPEN], (None, 7_000, "op4", "s4")),
        ([OPEN, LOST._replace(minute=9)], (None, 7_000, "op4", "s4")),
        ([OPEN, NEWER], (None, 8_000, "op5", "s5")),
        ([OPEN, NEWER, LOST], (None, 8_000, "op5", "s5")),
        ([OPEN, OPEN._replace(minute=8, outcome="lost"), NEWER], (None, 8_000, "op5", "s5")),
        ([LOST, LOST._replace(opportunity="op6", minute=7, budget=5)], ("lost", 5, "op6", "gone")),
        ([WON, WON._replace(minute=6, outcome="open", stage="back"), LOST], (None, 250_000, "op1", "back")),
        ([WON._replace(outcome=None), LOST], (None, 250_000, "op1", "done")),
        ([LOST, WON._replace(budget=None)], ("won", None, "op1", "done")),
    ],
)
def test_the_one_that_was_won_decides_then_the_newest_open_one(
    all_told: list[Told], expected: tuple[object, ...]
) -> None:
    for order in permutations(all_told):
        assert shown(*order) == expected, order


told_ones = st.builds(
    Told,
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 200),
    st.none() | st.integers(1, 5),
    st.sampled_from(["won", "lost", "open", None]),
    st.sampled_from(["s1", "s2"]),
)


@given(st.lists(told_ones, min_size=1, max_size=6, unique_by=lambda told: told.minute), st.randoms())
@settings(max_examples=200)
def test_in_whatever_order_it_is_the_same_lead(all_told: list[Told], random: Random) -> None:
    shuffled = [*all_told]
    random.shuffle(shuffled)
    (one, _), (other, _) = lead_of(*all_told), lead_of(*shuffled, *all_told)
    assert known(one) == known(other)
    assert (one.stage, one.outcome, one.outcome_at) == (other.stage, other.outcome, other.outcome_at)


def test_each_is_kept_under_its_id_and_told_once() -> None:
    lead, news = lead_of(WON, LOST)
    assert lead.attributes["$opportunity/op1/budget"] == 250_000
    assert lead.attributes["$opportunity/op3/budget"] == 1_000
    assert lead.outcome_at == change(WON).occurred_at
    first, second = news
    assert first is not None
    assert (first.outcome, first.stage, first.attributes["budget"]) == ("won", "done", 250_000)
    assert second is not None
    assert (second.outcome, second.stage, "budget" in second.attributes) == (None, None, False)


def test_of_very_many_the_least_important_are_forgotten() -> None:
    lost = [LOST._replace(opportunity=f"lost{n}", minute=n + 10) for n in range(opportunities.MOST + 5)]
    lead, _ = lead_of(WON, *lost, OPEN)
    ids = {name.split("/")[1] for name in lead.attributes if name.startswith("$")}
    assert len(ids) == opportunities.MOST
    assert {"op1", "op4"} <= ids
    assert "lost0" not in ids


def test_of_large_ones_as_many_are_kept_as_have_room() -> None:
    lead = Lead("ghl", "g1")
    for n in range(5):
        told = change(OPEN._replace(opportunity=f"op{n}", minute=n))
        many = {f"$opportunity/op{n}/custom.{field}": field for field in range(100)}
        opportunities.fold(Lead.fold, lead, told._replace(attributes={**told.attributes, **many}), NOW)
    assert {name.split("/")[1] for name in lead.attributes if name.startswith("$")} == {"op3", "op4"}


def test_an_id_with_a_slash_is_an_id() -> None:
    lead, _ = lead_of(WON._replace(opportunity="a/b"))
    assert lead.attributes["$opportunity/a_b/budget"] == 250_000
