"""What the tests of saving and scoring read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pipeline.services.ingest import lead_saver
from pipeline.settings.loader import Settings
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services
from schemas.lead import LeadChange
from schemas.score import ScoreRow, Value
from tests.support.serving import Api, api, open_services
from tests.support.waiting import eventually

T = TypeVar("T")
_numbers = count(1)


def told(
    services: Services, lead: str, at: datetime | None = None, delivery: str = "", **attributes: Value
) -> LeadChange:
    """A change as a webhook's receiver makes it."""
    source = services.source_map("standard")
    return source.change(lead, delivery or f"d{next(_numbers)}", at or datetime.now(UTC), attributes)


def save(services: Services, changes: Sequence[LeadChange], received_at: datetime | None = None) -> list[int]:
    with services.session() as db:
        return lead_saver(services).save(db, changes, received_at or datetime.now(UTC))


def leads_saved(services: Services, number: int, **attributes: Value) -> list[int]:
    return save(services, [told(services, f"L{n}", budget=n * 1000, **attributes) for n in range(number)])


def scored(services: Services, lead_ids: Sequence[int]) -> list[ScoreRow]:
    """What a worker that has loaded these leads is about to save."""
    with services.session() as db:
        waiting = lead_rows.waiting(db, lead_ids)
    return services.champion.scorer.score(waiting, datetime.now(UTC))


def save_scores(services: Services, db: Session, rows: Sequence[ScoreRow]) -> int:
    return score_writes.save(db, rows, model_id=services.champion.model_id, reason="change")


@contextmanager
def api_with_leads(settings: Settings, number: int, **environment: str) -> Iterator[Api]:
    """An API on a database with so many scored leads of one owner."""
    with open_services(settings) as services:
        lead_ids = leads_saved(services, number, source="referral", owner="ann")
        with services.session() as db:
            save_scores(services, db, scored(services, lead_ids))
    with api(settings, **environment) as running:
        yield running


def rows(services: Services, query: str, **parameters: object) -> list[dict[str, Any]]:
    with services.session() as db:
        return [dict(row._mapping) for row in db.execute(text(query), parameters)]


def value(services: Services, query: str, **parameters: object) -> Any:
    [row] = rows(services, query, **parameters)
    [found] = row.values()
    return found


def execute(services: Services, statement: str, **parameters: object) -> None:
    with services.session() as db:
        db.execute(text(statement), parameters)


def waiting_for_locks(engine: Engine) -> int:
    """Sessions of this database that wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def blocked(engine: Engine) -> None:
    """Returns when a session waits for a lock."""
    eventually(lambda: waiting_for_locks(engine))


@contextmanager
def aside(work: Callable[[], T]) -> Iterator[Future[T]]:
    """`work` in a thread of its own, with whatever session it opens."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def back_dated(services: Services, ago: timedelta) -> None:
    """As if all that waits had been waiting for so long, and its first attempt were due since."""
    execute(services, "UPDATE unscored SET since = since - :ago, due = due - :ago", ago=ago)
