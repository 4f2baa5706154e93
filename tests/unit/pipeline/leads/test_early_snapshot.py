"""What of a lead's life is early, and which change ends that time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.leads.early_snapshot import EARLY, SnapshotPolicy
from pipeline.leads.merging import Lead
from schemas.example import Early
from schemas.lead import OPEN, LeadChange

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
AFTER = timedelta(hours=1)
SOON, LATE = timedelta(minutes=20), timedelta(hours=3)
CAPTURE = SnapshotPolicy(AFTER)


def change(
    at: timedelta = timedelta(), received: timedelta | None = None, **told: object
) -> tuple[LeadChange, datetime]:
    """A change that happened so long after the lead began, and came in then or later."""
    fields = {name: told.pop(name, None) for name in ("stage", "owner", "outcome")}
    moment = BEGAN + at
    made = LeadChange("crm", "L1", f"d{at}{sorted(told)}", moment, told, {}, **fields)  # type: ignore[arg-type]
    return made, moment if received is None else BEGAN + received


def folded(*changes: tuple[LeadChange, datetime]) -> Lead:
    lead = Lead("crm", "L1")
    for told, received_at in changes:
        CAPTURE.fold(lead, told, received_at)
    return lead


def test_what_is_told_soon_is_part_of_the_early_state() -> None:
    lead = folded(change(a=1), change(SOON, a=2, b=3), change(SOON, owner="ann"))
    assert (lead.early, lead.attributes) == (None, {"a": 2, "b": 3})
    assert EARLY not in lead.times


@pytest.mark.parametrize(
    "ending",
    [
        change(LATE, a=9),
        change(LATE),
        change(SOON, received=LATE, a=9),
        change(SOON, stage="talks", a=9),
        change(SOON, outcome="won", a=9),
        change(SOON, outcome="lost"),
    ],
    ids=["late", "late without news", "came late", "stage moved", "outcome with attributes", "outcome alone"],
)
def test_the_change_that_ends_it_leaves_a_copy_of_how_the_lead_was_before(ending: tuple[LeadChange, datetime]) -> None:
    lead = folded(change(a=1, stage="new"), change(SOON / 2, b=2), ending, change(2 * LATE, a=10, outcome="won"))
    assert lead.early == Early({"a": 1, "b": 2}, BEGAN + SOON / 2, imported=False)
    assert lead.times[EARLY][1] == ending[0].delivery_id
    assert lead.attributes["a"] == 10


def test_a_first_stage_is_no_move() -> None:
    assert folded(change(a=1), change(SOON, stage="new"), change(SOON * 2, stage="new", b=2)).early is None


def test_of_a_lead_that_came_with_its_outcome_the_first_delivery_is_all_there_is() -> None:
    assert folded(change(a=1, outcome="won")).early is None
    assert folded(change(a=1, outcome="won"), change(SOON, b=2)).early == Early({"a": 1}, BEGAN, imported=True)
    assert folded(change(a=1, outcome="won"), change(b=2)).early is None  # told as of the same moment


def test_an_outcome_that_changes_leaves_the_early_state_as_it_was() -> None:
    lead = folded(change(a=1), change(SOON, outcome="won", a=2), change(LATE, outcome="lost", a=3))
    assert (lead.early, lead.outcome) == (Early({"a": 1}, BEGAN, imported=False), "lost")


def test_an_outcome_that_is_taken_back_was_known_all_the_same() -> None:
    lead = folded(
        change(a=1, outcome="won"), change(SOON, outcome=OPEN), change(2 * SOON, a=2), change(LATE, outcome="won")
    )
    assert lead.early == Early({"a": 1}, BEGAN, imported=True)
    lead = folded(
        change(a=1), change(SOON, outcome="won"), change(2 * SOON, a=2, outcome=OPEN), change(LATE, outcome="won")
    )
    assert lead.early == Early({"a": 1}, BEGAN, imported=False)


def test_what_was_so_before_the_outcome_is_early_though_it_is_told_after_it() -> None:
    lead = folded(change(SOON, received=SOON, outcome="won", a=9), change(received=SOON, b=2))
    assert (lead.early, lead.attributes) == (None, {"a": 9, "b": 2})
    # But not hours later: a vendor may stamp what it tells now with when the lead was made.
    lead = folded(change(SOON, received=SOON, outcome="won", a=9), change(received=LATE, b=2))
    assert lead.early == Early({"a": 9}, BEGAN + SOON, imported=True)


def test_an_outcome_that_happened_before_what_is_known_marks_it() -> None:
    lead = folded(change(SOON, received=SOON, a=1), change(received=SOON, outcome="won"), change(SOON * 2, a=2))
    assert lead.early == Early({"a": 1}, BEGAN + SOON, imported=True)


def test_of_a_lead_whose_move_was_told_before_its_beginning_no_early_state_is_known() -> None:
    lead = folded(change(SOON, received=SOON, stage="talks", meetings=1), change(received=SOON, stage="new", a=1))
    assert (lead.early, lead.stage) == (None, "talks")
    assert EARLY in lead.times


def test_what_says_nothing_new_ends_nothing() -> None:
    lead = folded(change(SOON, received=SOON, a=1), change(received=LATE, a=2))
    assert (lead.early, lead.attributes, lead.times.get(EARLY)) == (None, {"a": 1}, None)


def test_a_history_that_is_told_in_one_go_is_cut_by_the_vendors_clock() -> None:
    now = LATE * 10
    lead = folded(change(received=now, a=1), change(SOON, received=now, a=2), change(LATE, received=now, a=3))
    assert lead.early == Early({"a": 2}, BEGAN + SOON, imported=False)


DEEDS = st.lists(
    st.tuples(st.integers(1, 240), st.booleans(), st.none() | st.sampled_from(["won", "lost"])),
    max_size=8,
    unique_by=lambda deed: deed[0],
)


@given(DEEDS)
@settings(max_examples=200)
def test_nothing_that_happened_with_or_after_an_outcome_is_learned_from(
    deeds: list[tuple[int, bool, str | None]],
) -> None:
    """Each change writes an attribute of its own; they arrive in order."""
    lead = folded(change(a=0))
    outcome_at = 241
    for minute, moves, outcome in sorted(deeds):
        told, at = change(
            timedelta(minutes=minute),
            stage=f"s{minute}" if moves else None,
            outcome=outcome,
            **{f"at {minute}": minute},
        )
        CAPTURE.fold(lead, told, at)
        outcome_at = min(outcome_at, minute) if outcome else outcome_at
    early = lead.early or Early(lead.attributes, lead.active_at, imported=False)
    assert early.as_of <= BEGAN + AFTER
    assert all(isinstance(value, int) and value < outcome_at for value in early.attributes.values())


def test_a_fast_clock_that_tells_two_changes_at_once_tells_which_was_first() -> None:
    ahead, now = timedelta(minutes=4), timedelta()
    lead = folded(change(ahead, now, a=1), change(ahead + timedelta(seconds=1), now, outcome="won", a=9))
    assert lead.early == Early({"a": 1}, BEGAN, imported=False)
