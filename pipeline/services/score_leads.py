"""Leads that have changed are scored as one matrix and saved in one transaction."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from pipeline.errors import ConnectionLost, Disturbed, GiveUp, Misconfigured, TryAgain
from pipeline.log import error_text
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes, unscored
from pipeline.wiring import Services
from schemas.lead import UnscoredLead
from schemas.score import ScoreRow

logger = logging.getLogger(__name__)

T = TypeVar("T")

REALTIME = "change"  # the reason in the score's history
NO_LEADS_FAULT = (TryAgain, Misconfigured)


def score_leads(services: Services, lead_ids: Sequence[int], *, redelivered: bool = False) -> None:
    """Scores those leads that still need it.

    A message that the broker brings back, because its worker died, is late: upkeep has enqueued its leads and counted
    an attempt by then, so only leads without an attempt are left to it.
    """
    waiting = _again(lambda: _waiting(services, lead_ids, untried=redelivered))
    if not waiting:
        return
    try:
        _again(lambda: _score(services, waiting))
    except NO_LEADS_FAULT:
        _refund(services, waiting)
        raise  # upkeep enqueues them again
    except Exception as error:
        # One poisonous lead must not hold up its batch: each gets an attempt of its own, and its own error.
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


def _score_apart(services: Services, waiting: Sequence[UnscoredLead]) -> None:
    failed = []
    for lead in waiting:
        try:
            _score(services, [lead])
        except NO_LEADS_FAULT:
            _refund(services, waiting)
            raise
        except Exception as error:
            failed.append(lead.id)
            _note(services, lead, error)
    logger.error("leads could not be scored", extra={"lead_ids": failed})


def _refund(services: Services, waiting: Sequence[UnscoredLead]) -> None:
    # Where nothing can be written, upkeep counts nothing either.
    with suppress(TryAgain), services.session() as db:
        unscored.refund_attempts(db, [lead.id for lead in waiting])


def _note(services: Services, lead: UnscoredLead, error: Exception) -> None:
    """The error stays with the lead for its dead letter: where it happened, and no value."""
    services.metrics.score_failures.inc()
    with services.session() as db:
        unscored.note_error(db, [lead.id], error_text(error))
