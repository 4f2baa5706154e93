"""What is told of the champion: drift, outcomes that come otherwise than promised, a model that is damaged."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.services import model_monitoring
from pipeline.storage.models import champions
from pipeline.storage.operations import alarms
from pipeline.wiring import Services
from schemas.alarm import AlarmName
from schemas.example import Example
from schemas.model import Accuracy, Drift
from schemas.score import Engine, Value
from tasks.scoring import score_leads
from tasks.upkeep import keep_trainings, watch_champion
from tests.integration.learned import history, in_charge, learned
from tests.integration.rows import execute, rows, save, told, value
from tests.support.serving import open_services
from tests.unit.pipeline.learning.leads import examples

LEADS = 400
ENOUGH = 200
ALARMS = "SELECT name, state, subject, rev FROM alarms ORDER BY name"


@pytest.fixture
def watched(celery: Services) -> Services:
    """A champion of leads that came with their outcome."""
    history(celery, examples(LEADS))
    version = learned(celery).version
    with celery.session() as db:
        champions.promote(db, str(version))
    return celery


def arrive(own: Services, known: Sequence[Example], prefix: str, without: Sequence[str] = ()) -> list[int]:
    """Leads of now, as they were told of at once."""
    lag = datetime.now(UTC) - known[-1].as_of
    found: list[int] = []
    for one in known:
        attributes: dict[str, Value] = {k: v for k, v in one.attributes.items() if k not in without}
        if "seen_at" in attributes:
            attributes["seen_at"] = (datetime.fromisoformat(str(attributes["seen_at"])) + lag).isoformat()
        found += save(own, [told(own, f"{prefix}{one.lead_id}", at=one.as_of + lag, **attributes)])
    return found


def noted(own: Services) -> Drift:
    return Drift.model_validate(value(own, "SELECT drift FROM model_versions WHERE stage = 'champion'"))


def outcome(own: Services, known: Sequence[Example], prefix: str, *, turned: bool = False) -> None:
    for one in known:
        save(own, [told(own, f"{prefix}{one.lead_id}", outcome="won" if one.won != turned else "lost")])


def accuracy(own: Services) -> Accuracy | None:
    with own.reading() as db:
        champion = champions.champion(db)
        assert champion is not None
        return model_monitoring.accuracy_of(db, champion)


def watch_later(own: Services) -> None:
    """When leads that have come just now are not early any more."""
    model_monitoring.check_champion(
        own, datetime.now(UTC) + timedelta(seconds=own.settings.learning.capture_after_s + 1)
    )


def test_attributes_that_no_longer_arrive_are_drift_and_less_is_known_of_each_lead(watched: Services) -> None:
    fresh = examples(1000)[LEADS:]
    score_leads(arrive(watched, fresh[:ENOUGH], "same"))
    sure = value(watched, "SELECT avg(confidence) FROM scores WHERE lead_id > :n", n=LEADS)
    watch_later(watched)
    assert rows(watched, ALARMS) == []
    assert max(one.index for one in noted(watched).features) < watched.settings.learning.drift
    execute(watched, "UPDATE leads SET received_at = received_at - interval '1 day' WHERE external_id LIKE 'same%'")
    poor = arrive(watched, fresh[ENOUGH : 2 * ENOUGH], "poor", without=("visits", "source"))
    score_leads(poor)
    assert value(watched, "SELECT avg(confidence) FROM scores WHERE lead_id >= :n", n=poor[0]) < 0.7 * sure
    watch_later(watched)
    [version] = in_charge(watched)
    [rings] = rows(watched, ALARMS)
    assert rings == {"name": "drift", "state": "raised", "subject": version, "rev": 1}
    assert {one.attribute for one in noted(watched).features[:2]} == {"visits", "source"}
    [asked] = rows(watched, "SELECT reason, state FROM trainings WHERE state <> 'done'")
    assert asked == {"reason": "drift", "state": "waiting"}
    # Once, however long it lasts.
    watch_later(watched)
    assert len(rows(watched, "SELECT id FROM outbox WHERE kind = 'alarm'")) == 1
    execute(watched, "DELETE FROM trainings WHERE state = 'waiting'")
    watch_later(watched)
    assert rows(watched, "SELECT id FROM trainings WHERE state = 'waiting'") == []
    # And over when leads are again as they were.
    execute(watched, "DELETE FROM leads WHERE external_id LIKE 'poor%'")
    arrive(watched, fresh[2 * ENOUGH :], "again")
    watch_later(watched)
    assert rows(watched, ALARMS)[0]["state"] == "cleared"
    assert len(rows(watched, "SELECT id FROM outbox WHERE kind = 'alarm'")) == 2


def test_an_outcome_is_held_against_the_score_that_stood_when_it_came(watched: Services) -> None:
    [lead] = arrive(watched, examples(LEADS + 1)[LEADS:], "one")
    score_leads([lead])
    before = value(watched, "SELECT score FROM scores WHERE lead_id = :lead", lead=lead)
    save(watched, [told(watched, f"one{LEADS}", outcome="won", visits=40.0)])
    score_leads([lead])
    assert value(watched, "SELECT score FROM scores WHERE lead_id = :lead", lead=lead) != before
    keep_trainings()
    [judged] = rows(watched, "SELECT judged, score, model_id FROM outcomes WHERE lead_id = :lead", lead=lead)
    assert (judged["judged"], judged["score"]) == (True, before)
    assert judged["model_id"] == watched.champion.model_id
    found = accuracy(watched)
    assert found is not None
    assert (found.leads, found.won, found.roc_auc) == (1, 1, None)


def test_promises_that_do_not_come_true_are_told(watched: Services) -> None:
    fresh = examples(LEADS + ENOUGH + 50)[LEADS:]
    score_leads(arrive(watched, fresh, "turned"))
    outcome(watched, fresh, "turned", turned=True)
    keep_trainings()
    watch_champion()
    [rings] = rows(watched, "SELECT name, state, detail FROM alarms WHERE name = 'accuracy'")
    assert rings["state"] == "raised"
    assert "ROC-AUC 0." in rings["detail"]
    assert "on its card" in rings["detail"]


def test_a_damaged_champion_rings_and_who_starts_meanwhile_scores_with_the_one_before(watched: Services) -> None:
    [first] = in_charge(watched)
    execute(
        watched,
        "INSERT INTO model_versions (version, engine, stage, artefact, card)"
        " SELECT 'glassbox-damaged', engine, 'candidate', jsonb_set(artefact, '{intercept}', '9'), card"
        "   FROM model_versions WHERE version = :first",
        first=first,
    )
    keep_trainings()
    assert rows(watched, ALARMS) == []
    with watched.session() as db:
        champions.promote(db, "glassbox-damaged")
    with open_services(watched.settings) as another:
        assert another.champion.scorer.model.version == first
    watched._champion_read = 0.0
    keep_trainings()
    keep_trainings()
    [rings] = rows(watched, ALARMS)
    assert rings == {"name": AlarmName.MODEL, "state": "raised", "subject": "glassbox-damaged", "rev": 1}
    with watched.session() as db:
        champions.revert(db)
    watched._champion_read = 0.0
    keep_trainings()
    assert [(row["state"], row["rev"]) for row in rows(watched, ALARMS)] == [("cleared", 2)]


def test_without_a_learned_champion_there_is_nothing_to_watch(celery: Services) -> None:
    model_monitoring.check_champion(celery, datetime.now(UTC) + timedelta(days=1))
    assert rows(celery, ALARMS) == []


def test_damage_after_a_promotion_is_noticed_by_all_that_have_the_model_open(watched: Services) -> None:
    [champion] = in_charge(watched)
    with open_services(watched.settings) as another:
        assert another.champion.scorer.model.version == watched.champion.scorer.model.version == champion
        keep_trainings()
        execute(watched, DAMAGE)
        keep_trainings()
        [rings] = rows(watched, ALARMS)
        assert rings == {"name": AlarmName.MODEL, "state": "raised", "subject": champion, "rev": 1}
        # Whoever has it in memory as it was falls back like those that start now, and the alarm rings on.
        for own in (another, watched):
            own._champion_read = 0.0
            assert own.champion.scorer.model.engine == Engine.SCORECARD
        keep_trainings()
        assert rows(watched, ALARMS) == [rings]


def test_an_alarm_over_a_model_that_is_not_in_charge_any_more_is_over(watched: Services) -> None:
    now = datetime.now(UTC)
    with watched.session() as db:
        for name in (AlarmName.DRIFT, AlarmName.ACCURACY):
            alarms.raise_alarm(db, name, subject="glassbox-before", detail="other leads", at=now)
    watch_champion()
    assert [row["state"] for row in rows(watched, ALARMS)] == ["cleared", "cleared"]
    [version] = in_charge(watched)
    with watched.session() as db:
        alarms.raise_alarm(db, AlarmName.DRIFT, subject=version, detail="other leads", at=now)
    watch_champion()
    assert rows(watched, ALARMS)[1]["state"] == "raised"


DAMAGE = "UPDATE model_versions SET artefact = jsonb_set(artefact, '{intercept}', '9') WHERE stage = 'champion'"


def test_an_outcome_that_the_vendor_stamps_before_the_first_score_is_judged(watched: Services) -> None:
    [known] = examples(LEADS + 1)[LEADS:]
    [lead] = arrive(watched, [known], "late")
    score_leads([lead])
    before = value(watched, "SELECT score FROM scores WHERE lead_id = :lead", lead=lead)
    execute(watched, "UPDATE score_history SET at = at - interval '10 minutes'")
    save(watched, [told(watched, f"late{known.lead_id}", outcome="won", visits=40.0)])
    execute(watched, "UPDATE outcomes SET at = at - interval '1 day'")
    # What is scored of the revision that tells of the outcome does not count, whatever the clocks say.
    score_leads([lead])
    assert value(watched, "SELECT score FROM scores WHERE lead_id = :lead", lead=lead) != before
    received = value(watched, "SELECT received_at FROM outcomes WHERE lead_id = :lead", lead=lead)
    execute(watched, "UPDATE score_history SET at = :at WHERE rev > 1", at=received)
    keep_trainings()
    [judged] = rows(watched, "SELECT score FROM outcomes WHERE lead_id = :lead", lead=lead)
    assert judged["score"] == before


def test_leads_that_are_still_early_are_no_drift(watched: Services) -> None:
    """Of one that has just come, less is known than of those that were learned from."""
    arrive(watched, examples(LEADS + ENOUGH)[LEADS:], "fresh", without=("visits", "source"))
    model_monitoring.check_champion(watched, datetime.now(UTC))
    assert value(watched, "SELECT drift FROM model_versions WHERE stage = 'champion'") is None
    watch_later(watched)
    assert {one.attribute for one in noted(watched).features[:2]} == {"visits", "source"}
