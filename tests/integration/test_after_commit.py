"""What a session collected follows its commit: messages to workers, and the hint that wakes the publisher."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline import task_calls
from pipeline.errors import GiveUp
from pipeline.metrics import Metrics
from pipeline.redis_store import change_stream
from pipeline.storage.operations import outbox
from pipeline.storage.platform.after_commit import enqueue
from pipeline.task_calls import TaskCall
from pipeline.wiring import Services
from schemas.event import EventKind
from tests.integration.rows import value
from tests.support.waiting import eventually

INSERT = text("INSERT INTO deliveries (source, delivery_id) VALUES ('after-commit', :id)")
COUNT = "SELECT count(*) FROM deliveries WHERE source = 'after-commit' AND delivery_id = '{}'"


class Broker:
    """Notes each call, and what another connection sees at that moment; from the `fails_at`th on it is away."""

    def __init__(self, services: Services, row: str, fails_at: int | None = None) -> None:
        self.calls: list[TaskCall] = []
        self.rows_seen: list[object] = []
        self._services = services
        self._row = row
        self._fails_at = fails_at

    def send(self, call: TaskCall) -> bool:
        self.calls.append(call)
        self.rows_seen.append(value(self._services, COUNT.format(self._row)))
        return self._fails_at is None or len(self.calls) < self._fails_at


def sending(services: Services, broker: Broker) -> Services:
    return Services(services.settings, Metrics(CollectorRegistry()), send=broker.send)


def test_messages_leave_in_order_once_the_row_is_committed(services: Services) -> None:
    broker = Broker(services, "sent")
    with sending(services, broker).session() as db:
        enqueue(db, task_calls.train_model(1), task_calls.rescore(2))
        db.execute(INSERT, {"id": "sent"})
        assert broker.calls == []
    assert broker.calls == [task_calls.train_model(1), task_calls.rescore(2)]
    assert broker.rows_seen == [1, 1]


def test_nothing_is_sent_of_what_was_rolled_back(services: Services) -> None:
    broker = Broker(services, "lost")

    def fail() -> None:
        with sending(services, broker).session() as db:
            db.execute(INSERT, {"id": "lost"})
            enqueue(db, task_calls.train_model(1))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert broker.calls == []
    assert value(services, COUNT.format("lost")) == 0


def test_the_next_transaction_does_not_send_it_again(services: Services) -> None:
    broker = Broker(services, "once")
    own = sending(services, broker)
    with own.session() as db:
        enqueue(db, task_calls.train_model(1))
    with own.session() as db:
        db.execute(INSERT, {"id": "once"})
    assert len(broker.calls) == 1


def test_a_broker_that_is_away_is_asked_once_and_the_row_stays(services: Services) -> None:
    broker = Broker(services, "away", fails_at=1)
    with sending(services, broker).session() as db:
        db.execute(INSERT, {"id": "away"})
        enqueue(db, *[task_calls.rescore(1)] * 50)
    assert len(broker.calls) == 1
    assert value(services, COUNT.format("away")) == 1


def test_events_wake_the_publisher_once_after_the_commit_and_nothing_else_does(services: Services) -> None:
    channel = change_stream._hint_channel(services.settings.stream.key)
    with services.redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(channel)

        def hints() -> int:
            """Those before a message that is sent now."""
            services.redis.publish(channel, "now")
            return list(iter(lambda: heard(pubsub), b"now")).count(b"")

        with services.session() as db:
            db.execute(text("SELECT 1"))
        assert hints() == 0
        with services.session() as db:
            outbox.append(db, EventKind.ALARM, "alarm:test", 1, "{}")
            outbox.append(db, EventKind.ALARM, "alarm:test", 2, "{}")
            assert hints() == 0
        assert hints() == 1
        with pytest.raises(GiveUp), services.session() as db:
            _append_and_fail(db)
        assert hints() == 0


def _append_and_fail(db: Session) -> None:
    outbox.append(db, EventKind.ALARM, "alarm:test", 3, "{}")
    raise GiveUp("no")


def heard(pubsub: Any) -> bytes:
    return eventually(lambda: pubsub.get_message(timeout=1))["data"]  # type: ignore[no-any-return]
