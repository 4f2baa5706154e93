"""The oracle of the chaos tests can fail: each lie about a small world that is right otherwise is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from pipeline.settings.loader import load
from schemas.lead import UnscoredLead
from tests.chaos.dashboard import Shown
from tests.chaos.dialects import Change
from tests.chaos.oracle import Evidence, HistoryRow, Stored, StoredLead, StoredScore, TimelineRow, verdict

NOW = datetime.now(UTC)
KEY = ("standard", "lead-1")
FIRST = Change(*KEY, 1, NOW - timedelta(minutes=2), {"budget": 1000, "mark_1": 1}, "new", {"email": "a@example.com"})
SECOND = Change(*KEY, 2, NOW - timedelta(minutes=1), {"budget": 400_000, "mark_2": 2})
DOUBTFUL = Change(*KEY, 3, NOW, {"budget": 5, "mark_3": 3})


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    settings = load(tmp_path_factory.mktemp("state"))
    return Scorer(Scorecard(settings.scorecard), settings.tiers)


def world(scorer: Scorer) -> Evidence:
    """Two deliveries of one lead, in two transactions, scored after each; and one that was given up."""
    early, late = FIRST.attributes, FIRST.attributes | SECOND.attributes
    rows = [
        scorer.score([UnscoredLead(7, *KEY, n, attributes, "new", None, None, at)], NOW)[0]
        for n, attributes, at in ((1, early, FIRST.at), (2, late, SECOND.at))
    ]
    stored = Stored(
        leads={KEY: StoredLead(7, 2, late, "new", {"email": "a@example.com"})},
        scores={7: StoredScore(rows[1].score, rows[1].tier, 2, 2)},
        history=[HistoryRow(7, 1, 1, rows[0].score), HistoryRow(7, 2, 2, rows[1].score)],
        timeline=[TimelineRow(7, FIRST.at, ("mark_1",)), TimelineRow(7, SECOND.at, ("mark_2",))],
        left={"dead letters": 0},
    )
    return Evidence(
        accepted=[SECOND, FIRST],
        doubtful=[DOUBTFUL],
        refused=[],
        shown={7: Shown(2, rows[1].score, rows[1].tier)},
        frames={(7, 1): rows[0].score, (7, 2): rows[1].score},
        contradictions=[],
        stored=stored,
        write_back_sources=frozenset({"standard"}),
        written_back={7: Shown(2, rows[1].score, rows[1].tier)},
    )


def test_a_right_world_is_right(scorer: Scorer) -> None:
    assert verdict(world(scorer), scorer) == []


def test_a_doubtful_delivery_that_arrived_is_no_fault(scorer: Scorer) -> None:
    seen = world(scorer)
    lead = seen.stored.leads[KEY]
    seen.stored.leads[KEY] = lead._replace(attributes=lead.attributes | DOUBTFUL.attributes, revision=3)
    seen.stored.timeline.append(TimelineRow(7, DOUBTFUL.at, ("mark_3",)))
    found = verdict(seen, scorer)
    assert len(found) == 1
    assert "at revision 3, its score at 2" in found[0]


def lead(seen: Evidence, **changed: object) -> None:
    seen.stored.leads[KEY] = seen.stored.leads[KEY]._replace(**changed)  # type: ignore[arg-type]


def attribute(seen: Evidence, **changed: object) -> None:
    lead(seen, attributes={**seen.stored.leads[KEY].attributes, **changed})


def score(seen: Evidence, **changed: object) -> None:
    seen.stored.scores[7] = seen.stored.scores[7]._replace(**changed)  # type: ignore[arg-type]


Lie = Callable[[Evidence], object]
LIES: dict[str, tuple[Lie, str]] = {
    "the whole lead is lost": (lambda s: s.stored.leads.clear(), "was accepted and is not in lead"),
    "one delivery is lost": (
        lambda s: lead(s, attributes={k: v for k, v in s.stored.leads[KEY].attributes.items() if k != "mark_1"}),
        "delivery 1 of standard was accepted and is not in lead",
    ),
    "the older value won": (lambda s: attribute(s, budget=1000), "attribute budget"),
    "an attribute from nowhere": (lambda s: attribute(s, colour="red"), "attribute colour"),
    "a stage is lost": (lambda s: lead(s, stage=None), "the stage of lead"),
    "a contact is lost": (lambda s: lead(s, contacts={}), "contact email"),
    "a lead from nowhere": (
        lambda s: s.stored.leads.update({("standard", "ghost"): StoredLead(8, 1, {}, None, {})}),
        "was never told of",
    ),
    "a revision too many": (lambda s: lead(s, revision=3), "is at revision 3"),
    "a revision too few": (lambda s: lead(s, revision=1), "is at revision 1"),
    "a delivery counted twice": (
        lambda s: s.stored.timeline.append(TimelineRow(7, NOW, ("mark_2",))),
        "tells 2 times of delivery 2",
    ),
    "a delivery without its story": (lambda s: s.stored.timeline.pop(), "tells 0 times of delivery 2"),
    "no score": (lambda s: s.stored.scores.clear(), "has no score"),
    "a score of an older revision": (lambda s: score(s, lead_revision=1), "its score at 1"),
    "a wrong score": (lambda s: score(s, score=1.0), "has score 1.0"),
    "a wrong tier": (lambda s: score(s, tier="Z"), "Z and not"),
    "a score of nobody": (
        lambda s: s.stored.scores.update({9: StoredScore(1.0, "D", 1, 1)}),
        "score of lead id 9, which does not exist",
    ),
    "a doubled history row": (lambda s: s.stored.history.append(s.stored.history[-1]), "has revs [1, 2, 2]"),
    "a missing history row": (lambda s: s.stored.history.pop(0), "has revs [2]"),
    "a history that ends otherwise": (
        lambda s: s.stored.history.append(s.stored.history.pop()._replace(score=3.0)),
        "ends with",
    ),
    "scored backwards": (
        lambda s: s.stored.history.insert(0, s.stored.history.pop(0)._replace(lead_revision=3)),
        "from an older revision after a newer one",
    ),
    "history of nobody": (
        lambda s: s.stored.history.append(HistoryRow(9, 1, 1, 1.0)),
        "history of lead id 9, which has no score",
    ),
    "work that is stuck": (lambda s: s.stored.left.update({"dead letters": 1}), "1 rows are left: dead letters"),
    "a missed frame": (
        lambda s: setattr(s, "shown", {7: Shown(1, s.frames[7, 1], "D")}),
        "the dashboard shows rev 1 of lead id 7, the database has 2",
    ),
    "a lead that the dashboard never heard of": (lambda s: setattr(s, "shown", {}), "shows rev None"),
    "another score on the dashboard": (
        lambda s: setattr(s, "shown", {7: s.shown[7]._replace(score=2.0)}),
        "the dashboard shows Shown",
    ),
    "a ghost on the dashboard": (
        lambda s: setattr(s, "shown", {**s.shown, 9: s.shown[7]}),
        "shows lead id 9, which has no score",
    ),
    "a frame that was never saved": (
        lambda s: setattr(s, "frames", {**s.frames, (7, 3): 50.0}),
        "the feed told 50.0 for lead id 7 rev 3",
    ),
    "a frame with another score": (
        lambda s: setattr(s, "frames", {**s.frames, (7, 1): 99.0}),
        "the feed told 99.0 for lead id 7 rev 1",
    ),
    "two frames that differ": (lambda s: setattr(s, "contradictions", ["told twice"]), "told twice"),
    "a CRM that was never told": (lambda s: setattr(s, "written_back", {}), "was never told the score"),
    "a CRM that was told an older score": (
        lambda s: setattr(s, "written_back", {7: Shown(1, s.frames[7, 1], "D")}),
        "the CRM was told Shown",
    ),
    "a CRM that was told what was never saved": (
        lambda s: setattr(s, "written_back", {7: s.written_back[7]._replace(rev=5)}),
        "which was never saved",
    ),
    "a delivery refused for good": (lambda s: setattr(s, "refused", [(DOUBTFUL, 400)]), "refused for good: 400"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(name: str, scorer: Scorer) -> None:
    lie, said = LIES[name]
    seen = replace(world(scorer))
    lie(seen)
    assert any(said in line for line in verdict(seen, scorer)), verdict(seen, scorer)


def test_a_thousand_losses_are_a_few_lines(scorer: Scorer) -> None:
    seen = world(scorer)
    seen.accepted = [replace(SECOND, number=n) for n in range(10, 1010)]
    lines = [line for line in verdict(seen, scorer) if "was accepted" in line or "like these" in line]
    assert lines[-1].startswith("… and")
    assert len(lines) < 100
