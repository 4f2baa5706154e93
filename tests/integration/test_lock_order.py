"""Every write of many rows takes its locks in one ascending order, so that no two writers wait in a circle.

A row in the middle is held: the writer that stops at it must have those below and none above.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.errors import TryAgain
from pipeline.services.rescorer import Rescorer
from pipeline.storage.leads import deliveries, lead_rows, lead_writes
from pipeline.storage.leads.lead_rows import LeadRow
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from schemas.run import LeadFilter
from tests.integration.rows import aside, blocked, execute, rows, save, save_scores, scored, told

NOW = datetime.now(UTC)
Write = Callable[[Services, Session, list[int]], object]


def _lock_leads(_: Services, db: Session, ids: list[int]) -> object:
    return lead_rows.lock(db, [("standard", f"L{n}") for n in reversed(range(3))])


def _save_scores(services: Services, db: Session, ids: list[int]) -> object:
    fresh = [row._replace(lead_revision=9) for row in scored(services, ids)]
    return save_scores(services, db, fresh[::-1])


def _settle(services: Services, db: Session, ids: list[int]) -> object:
    return save_scores(services, db, scored(services, ids)[::-1])


def _owe(_: Services, db: Session, ids: list[int]) -> None:
    revisions = [(lead, 3) for lead in reversed(ids)]
    lead_writes.save(db, sealed=[], timeline_entries=[], captured=[], revisions=revisions, received_at=NOW, due=NOW)


def _note(_: Services, db: Session, ids: list[int]) -> None:
    unscored.note_error(db, ids[::-1], "an error")


def _rescore(services: Services, db: Session, ids: list[int]) -> None:
    champion = services.champion
    later = NOW + timedelta(days=200)
    rescorer = Rescorer(champion.scorer, champion.model_id, later, LeadFilter())
    with services.reading() as reading:
        judged = rescorer.judge(reading, ids[0], ids[-1])
    assert len(judged.changed) == len(ids)
    rescorer.save(db, judged)


@pytest.mark.parametrize(
    ("table", "column", "same", "write"),
    [
        ("leads", "id", "stage", _lock_leads),
        ("scores", "lead_id", "owner", _save_scores),
        ("scores", "lead_id", "owner", _rescore),
        ("feature_vectors", "lead_id", "feature_set", _save_scores),
        ("unscored", "lead_id", "error", _settle),
        ("unscored", "lead_id", "error", _owe),
        ("unscored", "lead_id", "error", _note),
    ],
)
def test_rows_are_locked_in_ascending_order(
    services: Services, table: str, column: str, same: str, write: Write
) -> None:
    ids = save(services, [told(services, f"L{n}") for n in range(3)])
    with services.session() as db:
        save_scores(services, db, scored(services, ids))
    save(services, [told(services, f"L{n}", budget=1) for n in range(3)])
    # The lowest is now the last on disk, so that a table read from its beginning is no ascending order.
    execute(services, f"UPDATE {table} SET {same} = {same} WHERE {column} = :id", id=ids[0])  # noqa: S608

    def write_all() -> None:
        with services.session() as db:
            write(services, db, ids)

    with services.session() as holder:
        holder.execute(text(f"SELECT 1 FROM {table} WHERE {column} = :id FOR UPDATE"), {"id": ids[1]})  # noqa: S608
        with aside(write_all) as writing:
            blocked(services.engine)
            free = rows(services, f"SELECT {column} AS id FROM {table} ORDER BY 1 FOR UPDATE SKIP LOCKED")  # noqa: S608
            holder.rollback()
            writing.result()
    assert [row["id"] for row in free] == [ids[2]]


def _insert_leads(db: Session, names: list[str]) -> object:
    fresh = [LeadRow(0, "standard", name, {}, {}, {}, None, None, None, None, NOW, 1) for name in names]
    return lead_rows.insert(db, fresh, NOW)


def _insert_deliveries(db: Session, names: list[str]) -> object:
    return deliveries.first_seen(db, [("standard", name) for name in names])


@pytest.mark.parametrize("insert", [_insert_leads, _insert_deliveries])
def test_new_rows_are_made_in_ascending_order(
    services: Services, insert: Callable[[Session, list[str]], object]
) -> None:
    def insert_all() -> None:
        with services.session() as db:
            insert(db, ["c", "b", "a"])

    def free(name: str) -> bool:
        try:
            with services.session() as db:
                db.execute(text("SET LOCAL lock_timeout = '300ms'"))
                insert(db, [name])
                db.rollback()
        except TryAgain:
            return False
        return True

    with services.session() as holder:
        insert(holder, ["b"])
        with aside(insert_all) as inserting:
            blocked(services.engine)
            assert (free("a"), free("c")) == (False, True)
            holder.rollback()
            inserting.result()
