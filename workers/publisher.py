"""Publishes changes from the outbox to the stream: `python -m workers.publisher`.

One process leads, any number stand by. It may die at any point: a row is deleted only after it was appended, and
readers recognise a doubled entry by its `rev`.
"""

import logging
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pipeline import log
from pipeline.errors import GiveUp, Service6Error
from pipeline.metrics import Metrics
from pipeline.redis_store import redis_client
from pipeline.redis_store.change_stream import ChangeStream, Hints, StreamEntry
from pipeline.redis_store.outcome_stream import OutcomeStream
from pipeline.services.write_back_payloads import write_back_payloads
from pipeline.settings.loader import load
from pipeline.settings.sections import PublisherSettings
from pipeline.settings.sources import Target
from pipeline.storage.operations import outbox
from pipeline.storage.operations.outbox import OutboxRow
from pipeline.storage.outbound import outbound_work
from pipeline.storage.platform.engine import engine, statements
from schemas.event import EVENT_VERSION, EventKind
from workers import deadline

# Their transactions wait for the disk. Others may not, and what dashboards have seen must not be lost with a server.
DURABLE = frozenset({EventKind.SCORE, EventKind.OUTCOME, EventKind.ALARM})
STANDBY_S = 1.0  # how often a standby tries for the lead
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 2.0  # dashboards see nothing move until then

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes while it leads. `connections` must hold one connection: the leadership is a lock of it."""

    def __init__(
        self,
        connections: Engine,
        feed: ChangeStream,
        outcomes: OutcomeStream,
        settings: PublisherSettings,
        metrics: Metrics,
        heartbeat: Path,
        targets: Mapping[str, Collection[Target]],
    ) -> None:
        self._connections = connections
        self._feed = feed
        self._outcomes = outcomes
        self._settings = settings
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._targets = targets
        self._published_at = 0.0

    def run(self) -> None:
        """Publishes or stands by until the process ends."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            try:
                self._wait_for_the_lead()
                with self._feed.hints() as hints:
                    logger.info("publishing")
                    backoff_s = FIRST_BACKOFF_S
                    self._follow(hints)
            except Service6Error as error:
                logger.warning("publishing is interrupted: %s", error)
                time.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    def publish(self) -> int:
        """Appends one batch of the oldest rows and deletes them; returns how many there were."""
        with statements(self._connections) as db:
            rows = outbox.oldest(db, self._settings.batch)
            if any(row.kind not in DURABLE for row in rows):
                outbox.make_durable(db)
        if not rows:
            return 0
        decided = [row.key for row in rows if row.kind == EventKind.OUTCOME]
        if decided:
            self._outcomes.append(decided)
        entries = list(_entries(row for row in rows if row.kind != EventKind.OUTCOME))
        if entries:
            self._feed.append(entries)
        with statements(self._connections) as db:
            self._discard(db, rows, entries)
        self._published_at = time.monotonic()
        self._metrics.publisher_batches.inc()
        self._metrics.publisher_events.inc(len(entries))
        return len(rows)

    def _discard(self, db: Session, rows: list[OutboxRow], entries: list[StreamEntry]) -> None:
        ids = [row.id for row in rows]
        if self._targets:
            outbound_work.delete_published_and_enqueue(
                db, ids, write_back_payloads(entries, self._targets), datetime.now(UTC)
            )
        else:
            outbox.delete(db, ids)

    def _wait_for_the_lead(self) -> None:
        while True:
            self._heartbeat.touch()
            with statements(self._connections) as db:
                if outbox.try_lead(db):
                    return
            time.sleep(STANDBY_S)

    def _follow(self, hints: Hints) -> None:
        while True:
            self._heartbeat.touch()
            if self.publish() == self._settings.batch:
                continue
            hints.wait(self._settings.poll_ms / 1000)
            # A single change is published at once; under load each batch gathers what comes in during the linger.
            lingered_s = time.monotonic() - self._published_at
            time.sleep(max(0.0, self._settings.linger_ms / 1000 - lingered_s))
            hints.forget()


def _entries(rows: Iterable[OutboxRow]) -> Iterator[StreamEntry]:
    for row in rows:
        try:
            yield entry(row)
        except GiveUp:
            # It will never become an event, and must not hold up those behind it.
            logger.exception("outbox row %d (%s %s) is dropped", row.id, row.kind, row.key)


def entry(row: OutboxRow) -> StreamEntry:
    """The row as schemas.event.Event and schemas.event.Routing; GiveUp if it is none.

    The body of a kind from a newer version is passed on unchanged: relays of that version understand it.
    """
    at = row.at.astimezone(UTC)
    try:
        body = _body(row, at)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise GiveUp(f"its body is none of kind {row.kind}") from None
    event = {"kind": row.kind, "key": row.key, "rev": row.rev, "at": at, "v": EVENT_VERSION, "body": body}
    routing = {"owner": row.owner, "previous_owner": row.previous_owner}
    return StreamEntry(orjson.dumps(event, option=orjson.OPT_UTC_Z), orjson.dumps(routing))


def _body(row: OutboxRow, at: datetime) -> object:
    """The event's body, completed with what only the guarded write knew."""
    body = orjson.loads(row.body)
    if row.kind == EventKind.SCORE:
        body["previous_score"] = row.previous_score
        body["score"].update(rev=row.rev, updated_at=at)
    elif row.previous_score is None:
        return orjson.Fragment(row.body)
    elif isinstance(body, dict):
        body.setdefault("previous_score", row.previous_score)
    return body


def main() -> None:
    settings = load()
    log.configure("publisher")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    deadline.end_within(settings.workers.stop_s)
    heartbeat = settings.state_dir / "heartbeats" / "publisher"
    heartbeat.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One connection, because the lead is a lock of that connection.
    connections = engine(
        settings.database_url,
        pool_size=1,
        statement_timeout_s=settings.publisher.answer_s,
        autocommit=True,
        keeps_session=True,
    )
    with redis_client.connect(settings.redis_url) as client:
        feed = ChangeStream(client, settings.stream.key, settings.stream.length)
        Publisher(
            connections,
            feed,
            OutcomeStream(client),
            settings.publisher,
            Metrics(),
            heartbeat,
            settings.targets_by_source,
        ).run()


if __name__ == "__main__":
    main()
