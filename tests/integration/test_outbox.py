"""The outbox as others ask about it, and its lead."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.orm import Session

from pipeline.storage.operations import outbox
from pipeline.storage.platform.tables import outbox as table
from tests.support.feed import scored


@pytest.fixture
def connections(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


def save(db: Session, *leads: int) -> None:
    rows = [scored(lead, owner="ann", previous_owner="bob")._asdict() for lead in leads]
    db.execute(insert(table), [{name: row[name] for name in row if name != "id"} for row in rows])


def test_the_oldest_are_taken_and_stay_until_they_are_discarded(connections: Engine) -> None:
    with Session(connections) as db:
        save(db, 3, 1, 2)
        first, second = outbox.oldest(db, 2)
        assert [first.key, second.key] == ["lead:3", "lead:1"]
        assert (first.owner, first.previous_owner, first.previous_score) == ("ann", "bob", 42.5)
        outbox.delete(db, [first.id])
        assert [row.key for row in outbox.oldest(db, 9)] == ["lead:1", "lead:2"]


def test_what_waits_is_counted_with_the_age_of_the_oldest(connections: Engine) -> None:
    with Session(connections) as db:
        assert outbox.backlog(db) == (0, 0)
        save(db, 1, 2)
        db.execute(text("UPDATE outbox SET at = now() - interval '1 hour' WHERE key = 'lead:1'"))
        waiting = outbox.backlog(db)
    assert waiting.events == 2
    assert 3600 <= waiting.oldest_s < 3660


def test_the_lead_is_one_connections_alone_until_it_ends(connections: Engine) -> None:
    with Session(connections) as standby:
        with connections.connect() as connection:
            with Session(connection) as leader:
                assert outbox.try_lead(leader)
                leader.commit()
                assert outbox.try_lead(leader)
            assert not outbox.try_lead(standby)
            connection.invalidate()
        assert outbox.try_lead(standby)
