"""Any order and any repetition of a lead's changes ends in the same lead."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.leads.merging import AHEAD, CONTACT, LONG_AGO, SHARED, Lead, LeadDiff
from schemas.lead import OPEN, REMOVED, LeadChange, Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OBJECT = "o"
NAMES = st.sampled_from(["a", "b", "long name", OBJECT, "o.x", "o.y.z"])
DETAILS = st.integers(-3, 3) | st.sampled_from(["x", "y"])
VALUES = st.none() | DETAILS


@st.composite
def changes(draw: st.DrawFn) -> list[LeadChange]:
    """Few moments, so that many are told at the same one; a delivery's id is its own."""
    return [draw(a_change(n)) for n in range(draw(st.integers(1, 6)))]


@st.composite
def a_change(draw: st.DrawFn, n: int) -> LeadChange:
    objects = frozenset({OBJECT}) if draw(st.integers(0, 3)) == 0 else frozenset()
    attributes = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    contacts = draw(st.dictionaries(NAMES, DETAILS, max_size=2))
    return LeadChange(
        source="standard",
        external_id="L1",
        delivery_id=f"d{n}",
        occurred_at=NOW - timedelta(seconds=draw(st.integers(-1, 4))),
        attributes={name: value for name, value in attributes.items() if name not in objects},
        contacts={name: value for name, value in contacts.items() if name not in objects},
        stage=draw(st.none() | st.sampled_from(["new", "talks", REMOVED])),
        owner=draw(st.none() | st.sampled_from(["ann", "bo", REMOVED])),
        outcome=draw(st.none() | st.sampled_from([*Outcome, OPEN])),
        forgets=draw(st.integers(0, 4)) == 0,
        objects=objects,
    )


def change(delivery_id: str, at: datetime = NOW, **fields: object) -> LeadChange:
    told: dict[str, object] = {"attributes": {}, "contacts": {}, **fields}
    return LeadChange("standard", "L1", delivery_id, at, **told)  # type: ignore[arg-type]


def folded(sequence: Sequence[LeadChange], *, stored_between: bool = False) -> Lead:
    lead = Lead("standard", "L1")
    for told in sequence:
        lead.fold(told, NOW)
        if stored_between:
            stored = orjson.loads(orjson.dumps(lead.times))
            lead.times = {name: (at, delivery) for name, (at, delivery) in stored.items()}
    return lead


def visible(lead: Lead) -> dict[str, object]:
    return {name: value for name, value in asdict(lead).items() if name not in ("times", "unsealed")}


@given(st.data(), changes())
@settings(max_examples=60)
def test_any_order_and_repetition_ends_in_the_same_lead(data: st.DataObject, told: list[LeadChange]) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=6))
    shuffled = data.draw(st.permutations(told + again))
    assert visible(folded(shuffled, stored_between=True)) == visible(folded(told))


@given(changes())
def test_each_value_is_the_newest_that_was_told(told: list[LeadChange]) -> None:
    lead = folded(told)
    in_order = sorted(told, key=lambda c: (c.occurred_at, c.delivery_id))
    for name in ("stage", "owner", "outcome"):
        told_last = next((v for c in reversed(in_order) if (v := getattr(c, name)) is not None), None)
        assert getattr(lead, name) == (None if told_last in (OPEN, REMOVED) else told_last)
    slots: dict[str, tuple[str, object]] = {}
    for one in in_order:
        replaced = (*one.objects, *one.attributes, *one.contacts)
        below = [name for name in slots if any(name.startswith(f"{above}.") for above in replaced)]
        for name in (*replaced, *below):
            slots.pop(name, None)
        slots |= {name: ("plain", value) for name, value in one.attributes.items() if value is not None}
        # What is personal takes the place of what is plain.
        slots |= {name: ("personal", value) for name, value in one.contacts.items()}
        if one.forgets:
            slots = {name: slot for name, slot in slots.items() if slot[0] == "plain"}
    plain, personal = (
        {name: value for name, (kind, value) in slots.items() if kind == wanted} for wanted in ("plain", "personal")
    )
    assert (lead.attributes, lead.contacts) == (plain, personal)
    active = [min(one.occurred_at, NOW) for one in in_order if not one.forgets]
    assert lead.active_at == max(active, default=LONG_AGO)


@given(st.data(), changes(), st.integers(0, 290), st.integers(0, 30))
@settings(max_examples=100)
def test_any_order_ends_alike_where_the_vendors_clock_is_ahead(
    data: st.DataObject, told: list[LeadChange], ahead_s: int, late_s: int
) -> None:
    """They come in one after another, each at a time of its own by our clock."""
    ahead = [one._replace(occurred_at=one.occurred_at + timedelta(seconds=ahead_s)) for one in told]
    again = data.draw(st.lists(st.sampled_from(ahead), max_size=3))

    def ended(arrivals: Sequence[LeadChange]) -> list[object]:
        lead = Lead("standard", "L1")
        for n, one in enumerate(arrivals):
            received_at = NOW + timedelta(seconds=late_s * n / len(arrivals))
            lead.fold(one, received_at)
            assert lead.active_at <= received_at
            assert lead.outcome_at is None or lead.outcome_at <= received_at
        return [lead.attributes, lead.contacts, lead.stage, lead.owner, lead.outcome]

    assert ended(data.draw(st.permutations(ahead + again))) == ended(ahead)


@pytest.mark.parametrize("ahead_s", [1, 60, 290])
def test_an_older_value_of_a_fast_clock_that_comes_late_does_not_win(ahead_s: int) -> None:
    older, newer = NOW + timedelta(seconds=ahead_s - 1), NOW + timedelta(seconds=ahead_s)
    lead = folded([change("d1", newer, attributes={"a": 2}, stage="talks", outcome=Outcome.WON)])
    told = {"attributes": {"a": 1}, "stage": "new", "outcome": OPEN}
    lead.fold(change("d2", older, **told), NOW + timedelta(seconds=1))
    assert (lead.attributes, lead.stage, lead.outcome) == ({"a": 2}, "talks", Outcome.WON)
    assert lead.outcome_at == NOW


def test_a_clock_that_is_wrong_holds_a_value_for_five_minutes_and_not_for_ever() -> None:
    lead = folded([change("d1", NOW + timedelta(days=400), attributes={"a": 1}, outcome=Outcome.WON)])
    assert lead.active_at == lead.outcome_at == NOW
    held = NOW + AHEAD - timedelta(seconds=1)
    lead.fold(change("d2", held, attributes={"a": 2}), held)
    assert lead.attributes == {"a": 1}
    after = NOW + AHEAD + timedelta(seconds=1)
    assert lead.fold(change("d3", after, attributes={"a": 3}), after)
    assert lead.attributes == {"a": 3}


def test_what_says_the_same_again_is_no_news() -> None:
    told = {"attributes": {"a": 1}, "contacts": {"email": "x"}, "stage": "new", "owner": "ann", "outcome": "won"}
    lead = folded([change("d1", **told)])
    for again in (change("d2", **told), change("d3", NOW + timedelta(seconds=1), **told), change("d4", forgets=True)):
        news = lead.fold(again, NOW + timedelta(seconds=1))
        assert news is None or news.is_empty
    other = lead.fold(change("d5", NOW + timedelta(seconds=1), attributes={"a": None}), NOW + timedelta(seconds=1))
    assert other is not None
    assert not other.is_empty


def test_what_is_not_newer_is_not_accepted() -> None:
    lead = folded([change("d1", attributes={"a": 1})])
    assert not lead.fold(change("d1", attributes={"a": 1}), NOW)
    assert not lead.fold(change("d0", attributes={"a": 2}), NOW)
    assert not lead.fold(change("d9", NOW - timedelta(days=1), attributes={"a": 3}), NOW)
    assert lead.attributes == {"a": 1}


def test_an_older_change_still_brings_what_was_unknown() -> None:
    lead = folded([change("d1", attributes={"a": 1})])
    assert lead.fold(change("d0", NOW - timedelta(days=1), attributes={"a": 9, "b": 2}, stage="new"), NOW)
    assert (lead.attributes, lead.stage, lead.active_at) == ({"a": 1, "b": 2}, "new", NOW)


def test_an_outcome_that_is_taken_back_is_not_said_already() -> None:
    known = folded([change("d1", attributes={"a": 1}, outcome=Outcome.WON)])
    assert known.says(folded([change("row", attributes={"a": 1})]))
    assert not known.says(folded([change("row", attributes={"a": 1}, outcome=OPEN)]))


def test_a_missing_key_is_no_deletion_and_null_is_one() -> None:
    lead = folded([change("d1", attributes={"a": 1, "b": 1}), change("d2", attributes={"b": None})])
    assert lead.attributes == {"a": 1}


def test_null_removes_a_contact_detail_too() -> None:
    lead = folded([change("d1", contacts={"email": "x", "name": "Ann"})])
    news = lead.fold(change("d2", attributes={"email": None}), NOW)
    assert news is not None
    assert news.contacts == 1
    assert (lead.contacts, lead.unsealed) == ({"name": "Ann"}, True)


def test_an_object_replaces_the_one_before_with_all_its_leaves() -> None:
    lead = folded([change("d1", attributes={"o.x": 1, "o.y.z": 2, "p": 3}, contacts={"o.mail": "x"})])
    news = lead.fold(change("d2", attributes={"o.x": 5}, objects=frozenset({"o"})), NOW)
    assert news == LeadDiff(NOW, {"o.x": 5, "o.y.z": None}, contacts=1, stage=None, owner=None, outcome=None)
    assert (lead.attributes, lead.contacts) == ({"o.x": 5, "p": 3}, {})
    late = change("d0", NOW - timedelta(seconds=1), attributes={"o.new": 1})
    assert lead.fold(late, NOW) is None


def test_an_owner_and_a_stage_can_be_taken_away() -> None:
    lead = folded([change("d1", stage="new", owner="ann"), change("d2", stage=REMOVED, owner=REMOVED)])
    assert (lead.stage, lead.owner) == (None, None)


def test_what_was_told_is_kept_as_long_as_its_reading() -> None:
    lead = folded([change("d1", attributes={"a": 1_200_000}, raw={"a": "1.2M"})])
    assert lead.raw == {"a": "1.2M"}
    lead.fold(change("d2", attributes={"a": 5}), NOW)
    assert lead.raw == {}


def test_the_attributes_of_the_first_change_share_one_stamp() -> None:
    lead = folded([change("d1", attributes={"a": 1, "b": 2}, contacts={"mail": "x"}, stage="new")])
    assert set(lead.times) == {SHARED, f"{CONTACT}mail", "$stage"}


def test_the_first_moments_of_the_calendar_can_be_stored() -> None:
    """East of Greenwich the year 1 begins before the year 1 of UTC, which PostgreSQL gives back as a year BC."""
    early = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    lead = folded([change("d1", early, attributes={"a": 1}, outcome=Outcome.WON)])
    assert lead.outcome_at is not None
    assert lead.outcome_at.astimezone(UTC).year == lead.active_at.astimezone(UTC).year == 1


def test_the_news_are_what_nobody_knew() -> None:
    lead = folded([change("d1", attributes={"a": 1, "b": 2}, contacts={"email": "x"}, stage="new")])
    later = NOW + timedelta(seconds=1)
    told = {"attributes": {"a": 1, "b": 3, "c": None}, "contacts": {"email": "x", "phone": "1"}, "stage": "new"}
    news = lead.fold(change("d2", later, **told, owner="ann"), later)
    assert news == LeadDiff(later, {"b": 3}, contacts=1, stage=None, owner="ann", outcome=None)
    assert lead.fold(change("d2", later, **told, owner="ann"), later) is None


def test_what_is_told_personal_takes_the_place_of_what_was_told_plain() -> None:
    lead = folded([change("d1", attributes={"note": "likes tea", "a": 1})])
    later = NOW + timedelta(seconds=1)
    news = lead.fold(change("d2", later, contacts={"note": "ring 030 1234567"}), later)
    assert news is not None
    assert news.contacts == 1
    assert (lead.attributes, lead.contacts) == ({"a": 1}, {"note": "ring 030 1234567"})
    # A plain one that is late does not come back; a newer one does, and takes the place of the sealed one.
    assert not lead.fold(change("d0", attributes={"note": "likes tea"}), later)
    assert "note" not in lead.attributes
    assert lead.fold(change("d3", later, attributes={"note": "likes coffee"}), later)
    assert (lead.attributes["note"], lead.contacts) == ("likes coffee", {})


def test_what_is_told_plain_and_personal_at_once_is_personal() -> None:
    both = {"attributes": {"note": "x", "a": 1}, "contacts": {"note": "ring 030 1234567"}}
    for lead in (folded([change("d1", **both)]), folded([change("d0"), change("d1", **both)])):
        assert (lead.attributes, lead.contacts) == ({"a": 1}, both["contacts"])


def test_an_outcome_can_be_taken_back() -> None:
    lead = folded([change("d1", outcome=Outcome.WON)])
    later = NOW + timedelta(seconds=1)
    news = lead.fold(change("d2", later, outcome=OPEN), later)
    assert news is not None
    assert news.outcome == OPEN
    assert (lead.outcome, lead.outcome_at) == (None, None)
    # Of a lead that is open already it is no news.
    again = lead.fold(change("d3", later, outcome=OPEN), later)
    assert again is not None
    assert again.outcome is None
    assert not lead.fold(change("d1", outcome=Outcome.WON), later)


def test_who_is_erased_is_forgotten_until_something_newer_is_told() -> None:
    lead = folded([change("d1", attributes={"a": 1}, contacts={"email": "ann@example.com", "name": "Ann"})])
    later = NOW + timedelta(seconds=1)
    assert lead.fold(change("d2", later, forgets=True), later)
    assert (lead.attributes, lead.contacts, lead.unsealed) == ({"a": 1}, {}, True)
    # What was told before, and comes in now, does not bring the person back.
    lead.fold(change("d0", NOW, contacts={"phone": "030 1234567"}), later)
    assert lead.contacts == {}
    lead.fold(change("d3", later, contacts={"name": "Bo"}), later)
    assert lead.contacts == {"name": "Bo"}
