"""What follows from a promotion, and from a CRM that is told its scores."""

from datetime import UTC, datetime, timedelta
from math import inf

import orjson
import pytest

from pipeline.learning.training import TrainingConfig, train
from pipeline.scoring.glassbox import GlassBoxModel
from pipeline.services import start_run
from pipeline.settings.sources import WebhookSettings
from pipeline.storage.models import champions
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.run import RunState
from schemas.scorecard import TierCuts
from tasks.rescoring import rescore
from tests.integration.rescoring.conftest import Begin, leads_with_scores
from tests.integration.rows import execute, rows, value
from tests.unit.pipeline.learning.leads import examples, split

NOW = datetime.now(UTC)


@pytest.fixture
def promoted(celery: Services) -> str:
    """A model that was put in charge, of which this process does not know yet."""
    celery.champion  # noqa: B018 - the scorecard
    celery._champion_read = inf  # however slow the machine is
    trained = train(split(examples(300)), TrainingConfig(TierCuts()))
    model = GlassBoxModel(trained.model)
    with celery.session() as db:
        champions.add(db, model.version, model.engine, model.artefact(), trained.card.model_dump(mode="json"))
        champions.promote(db, model.version)
    return model.version


def sweeps(services: Services) -> list[dict[str, object]]:
    return rows(services, "SELECT id, state, reason, leads FROM rescore_runs ORDER BY id")


def test_what_the_model_before_saved_after_a_promotion_is_scored_anew(celery: Services, promoted: str) -> None:
    leads_with_scores(celery, 5)  # by the scorecard, seconds after the promotion
    execute(celery, "UPDATE scores SET updated_at = now() - interval '1 day' WHERE lead_id % 5 = 0")
    start_run.open_sweep(celery, NOW + timedelta(seconds=1))
    assert sweeps(celery) == []
    soon = datetime.now(UTC) + timedelta(seconds=20)
    celery._champion_read = 0.0
    start_run.open_sweep(celery, soon)
    start_run.open_sweep(celery, soon)
    [first] = sweeps(celery)
    assert (first["reason"], first["leads"]) == ("sweep", 4)
    rescore(int(str(first["id"])))
    versions = "SELECT count(*) FROM scores s JOIN model_versions m ON m.id = s.model_id WHERE m.version = :version"
    assert value(celery, versions, version=promoted) == 4
    # A worker may have been at work on a bundle all the while.
    start_run.open_sweep(celery, soon + timedelta(seconds=110))
    assert [one["state"] for one in sweeps(celery)] == [RunState.DONE, RunState.DONE]
    start_run.open_sweep(celery, soon + timedelta(hours=7))
    assert len(sweeps(celery)) == 2


def test_a_sweep_that_meets_a_run_comes_again(celery: Services, promoted: str, begin: Begin) -> None:
    leads_with_scores(celery, 5)
    celery._champion_read = 0.0
    run = begin()
    soon = datetime.now(UTC) + timedelta(seconds=20)
    start_run.open_sweep(celery, soon + timedelta(hours=1))
    assert [one["reason"] for one in sweeps(celery)] == ["operator"]
    with celery.session() as db:
        rescore_runs.change_state(db, int(run.id), RunState.CANCELLED, [RunState.RUNNING])
    for _ in range(3):  # both are due by now: the second waits for the first
        start_run.open_sweep(celery, soon + timedelta(hours=1))
    assert [one["reason"] for one in sweeps(celery)] == ["operator", "sweep"]


def test_a_crm_that_is_told_its_scores_is_told_of_those_that_a_run_changed(celery: Services, begin: Begin) -> None:
    ids = leads_with_scores(celery, 4, owner="ann")
    execute(celery, "UPDATE leads SET source = 'hubspot' WHERE id = :id", id=ids[0])
    standard = celery.settings.sources["standard"]
    listening = standard.model_copy(update={"webhook": WebhookSettings(url="https://crm.example.com/scores")})
    sources = {**celery.settings.sources, "standard": listening}
    celery.settings = celery.settings.model_copy(update={"sources": sources})
    run = begin()
    execute(celery, "TRUNCATE outbox")
    rescore(int(run.id))
    announced = rows(celery, "SELECT * FROM outbox WHERE kind = 'score' ORDER BY id")
    assert [row["key"] for row in announced] == [f"lead:{lead}" for lead in ids[1:]]
    saved = rows(celery, "SELECT * FROM scores WHERE lead_id = :id", id=ids[1])[0]
    body = orjson.loads(announced[0]["body"])
    assert (body["source"], body["score"]["score"], body["score"]["tier"]) == (
        "standard",
        pytest.approx(saved["score"]),
        saved["tier"],
    )
    assert (announced[0]["rev"], announced[0]["previous_score"], announced[0]["owner"]) == (2, 1.5, "ann")
    assert body["score"]["explanation"]
