"""Leads that have a score which a run will change."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.services import start_run
from pipeline.settings.loader import Settings
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services
from schemas.run import LeadFilter, Run, RunRequest
from schemas.score import ScoreRow
from tests.integration.rows import execute, save, scored, told

BATCH = 500
Begin = Callable[..., Run]


def leads_with_scores(services: Services, number: int, **attributes: str | int) -> list[int]:
    """As if they had been scored long ago: every score is off, and half of them have no vector."""
    ids: list[int] = []
    for first in range(0, number, BATCH):
        names = range(first, min(first + BATCH, number))
        part = save(
            services, [told(services, f"L{n}", budget=n % 700 * 1000, visits=n % 9, **attributes) for n in names]
        )
        with services.session() as db:
            score_writes.save(db, scored(services, part), model_id=services.champion.model_id, reason="change")
        ids += part
    execute(services, "UPDATE scores SET score = 1.5, tier = 'D'")
    execute(services, "DELETE FROM feature_vectors WHERE lead_id % 2 = 0")
    execute(services, "TRUNCATE score_history, outbox")
    return sorted(ids)


def narrow(settings: Settings, **rescoring: object) -> Settings:
    return settings.model_copy(update={"rescoring": settings.rescoring.model_copy(update=rescoring)})


@pytest.fixture
def begin(services: Services) -> Begin:
    def begun(slice_ids: int = 100, rate: int | None = None, **where: object) -> Run:
        # None begins by itself, whatever the hour.
        services.settings = narrow(services.settings, slice_ids=slice_ids, schedules={})
        asked = RunRequest(filter=LeadFilter.model_validate(where), rate=rate)
        with services.session() as db:
            return start_run.open_run(services, db, asked, actor="test", reason="operator")

    return begun


def expected(services: Services, lead_ids: Sequence[int], as_of: datetime) -> dict[int, tuple[float, str]]:
    """What a single thread gives the leads as they are now, one after the other."""
    with services.session() as db:
        db.connection().exec_driver_sql(
            "INSERT INTO unscored (lead_id, lead_revision, due) SELECT id, revision, now() FROM leads "
            "WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
            (list(lead_ids),),
        )
        db.flush()
    found = {row.lead_id: (round(row.score, 1), row.tier) for row in _scored_at(services, lead_ids, as_of)}
    execute(services, "TRUNCATE unscored")
    return found


def _scored_at(services: Services, lead_ids: Sequence[int], as_of: datetime) -> Sequence[ScoreRow]:
    with services.session() as db:
        waiting = lead_rows.waiting(db, lead_ids)
    return services.champion.scorer.score(waiting, as_of)


def soon(seconds: float = 30) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
