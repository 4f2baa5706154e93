"""Queue `scoring`: bundles of leads that have changed."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from pipeline.errors import ConnectionLost, Disturbed, GiveUp, Misconfigured, Service6Error, TryAgain
from pipeline.log import trace
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes, unscored
from pipeline.wiring import Services
from schemas.lead import UnscoredLead
from schemas.score import ScoreRow
from tasks.app import app, current_services

logger = logging.getLogger(__name__)

T = TypeVar("T")

REALTIME = "change"  # the reason in the score's history
NO_LEADS_FAULT = (TryAgain, Misconfigured)


@app.task(name="scoring.score_leads", bind=True)
def score_leads(self: Any, lead_ids: list[int]) -> None:
    """Scores those that still need it as one matrix and saves them in one transaction.

    A message that the broker brings back, because its worker died, is late: upkeep has enqueued and counted by then.
    """
    services = current_services()
    returned = bool((self.request.delivery_info or {}).get("redelivered"))
    waiting = _again(lambda: _waiting(services, lead_ids, untried=returned))
    if not waiting:
        return
    try:
        _again(lambda: _score(services, waiting))
    except NO_LEADS_FAULT:
        _excuse(services, waiting)
        raise  # upkeep enqueues them again
    except Exception as error:
        # One poisonous lead must not hold up its bundle: each gets a try of its own, and its own error.
        if len(waiting) == 1:
            _note(services, waiting[0], error)
            # Celery logs what is raised, and an error that is not ours may quote a value.
            raise GiveUp("the lead could not be scored; `unscored` holds the reason") from None
        _score_apart(services, waiting)


def _again(work: Callable[[], T]) -> T:
    """Once more, at once, after a lost connection or a deadlock; a PostgreSQL that is away is upkeep's business."""
    try:
        return work()
    except (ConnectionLost, Disturbed):
        return work()


def _waiting(services: Services, lead_ids: Sequence[int], *, untried: bool) -> list[UnscoredLead]:
    with services.reading() as db:
        return lead_rows.waiting(db, lead_ids, untried=untried)


def _score(services: Services, waiting: Sequence[UnscoredLead]) -> None:
    champion = services.champion
    _save(services, champion.scorer.score(waiting, datetime.now(UTC)), champion.model_id)
    services.metrics.scored.labels(champion.scorer.model.engine).inc(len(waiting))


def _save(services: Services, rows: Sequence[ScoreRow], model_id: int) -> None:
    with services.session() as db:
        score_writes.save(db, rows, model_id=model_id, reason=REALTIME)
    services.stream.hint()


def _score_apart(services: Services, waiting: Sequence[UnscoredLead]) -> None:
    failed = []
    for lead in waiting:
        try:
            _score(services, [lead])
        except NO_LEADS_FAULT:
            _excuse(services, waiting)
            raise
        except Exception as error:
            failed.append(lead.id)
            _note(services, lead, error)
    logger.error("leads could not be scored", extra={"lead_ids": failed})


def _excuse(services: Services, waiting: Sequence[UnscoredLead]) -> None:
    # Where nothing can be written, upkeep counts nothing either.
    with suppress(TryAgain), services.session() as db:
        unscored.refund_attempts(db, [lead.id for lead in waiting])


def _note(services: Services, lead: UnscoredLead, error: Exception) -> None:
    """The error stays with the lead for its dead letter: where it happened, and no value."""
    services.metrics.score_failures.inc()
    kind, _, frames = trace(error).partition("\n")
    words = str(error) if isinstance(error, Service6Error) else ""
    with services.session() as db:
        unscored.note_error(db, [lead.id], f"{kind}: {words}\n{frames}")
