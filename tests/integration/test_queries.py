"""Hot queries find their rows by index in tables of 20,000 rows, however PostgreSQL plans them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from pipeline.settings.loader import Settings
from pipeline.storage.leads import contacts, lead_list, lead_rows, timeline
from pipeline.storage.models import outcomes, training_examples
from pipeline.storage.operations import outbox
from pipeline.storage.scores import score_writes, unscored
from pipeline.wiring import Services
from schemas.score import ScoreRow
from tests.support.serving import open_services

NUMBER = 20_000
LARGE = 1000  # rows; whatever has fewer may be read as a whole
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
FILL = """
    INSERT INTO leads (source, external_id, attributes, attribute_times, active_at)
    SELECT 'standard', 'L' || n, jsonb_build_object('budget', n, 'note', repeat('x', 200)), '{}', now()
      FROM generate_series(1, :number) n;
    INSERT INTO unscored (lead_id, lead_revision, since, due)
    SELECT id, 1, now() - id * interval '1 second', now() + id * interval '1 second' FROM leads;
    INSERT INTO scores (lead_id, score, confidence, tier, factors, model_id, lead_revision)
    SELECT id, id % 100, 0.5, 'B', '\\x00', 1, 1 FROM leads;
    INSERT INTO score_history (lead_id, score, confidence, tier, model_id, lead_revision, rev, reason)
    SELECT id, 50, 0.5, 'B', 1, 1, n, 'change' FROM leads, generate_series(1, 3) n;
    INSERT INTO feature_vectors (lead_id, feature_set, lead_revision, vector) SELECT id, 1, 1, '\\x00' FROM leads;
    INSERT INTO outbox (kind, key, rev, body) SELECT 'score', 'lead:' || id, 1, repeat('x', 500) FROM leads;
    INSERT INTO timeline (lead_id, at, told) SELECT id, now(), '{"attributes": {}}' FROM leads, generate_series(1, 3);
    INSERT INTO outcomes (lead_id, outcome, at, received_at, judged, model_id, score)
    SELECT id, 'won', now() - id * interval '1 s', now() - id * interval '1 s', id < 19000, id % 50, 50 FROM leads;
    INSERT INTO lead_contacts (lead_id, sealed, email_index, phone_index)
    SELECT id, '\\x00', decode(md5(id::text), 'hex'), decode(md5(id::text), 'hex') FROM leads;
"""


@pytest.fixture(scope="module")
def filled(place: Settings) -> Iterator[Services]:
    with open_services(place) as services:
        with services.session() as db:
            for statement in FILL.split(";\n"):
                if statement.strip():
                    db.execute(text(statement), {"number": NUMBER} if ":number" in statement else {})
        with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        yield services


def plans(services: Services, query: Callable[[Session], object]) -> list[dict[str, Any]]:
    """The plans of all statements that the call executes, without their effect."""
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(services.engine, "before_cursor_execute", note)
    try:
        with services.session() as db:
            query(db)
            db.rollback()
    finally:
        event.remove(services.engine, "before_cursor_execute", note)
    with services.engine.connect() as connection:
        answers = [connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar() for sql, values in seen]
    return [(json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"] for answer in answers]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


ROW = ScoreRow(0, 2, 50.0, 0.5, "B", b"", b"", b"", None, "{}")
KEYS = [("standard", f"L{n}") for n in range(1, 501)]
SOME = list(range(1, 201))


def _strand(db: Session) -> object:
    return unscored.claim_overdue(db, now=NOW, before=NOW, max_attempts=5, backoff=timedelta(seconds=10), limit=5000)


HOT: dict[str, tuple[Callable[[Session], object], set[str]]] = {
    "lock": (lambda db: lead_rows.lock(db, KEYS), {"leads_source_external_id_key"}),
    "update": (
        lambda db: lead_rows.update(db, lead_rows.lock(db, KEYS[:50])),
        {"leads_pkey", "leads_source_external_id_key"},
    ),
    "beginning": (lambda db: lead_rows.beginning(db, [("standard", "L77")]), {"leads_external_id"}),
    "waiting": (lambda db: lead_rows.waiting(db, SOME), {"leads_pkey", "unscored_pkey"}),
    "save": (
        lambda db: score_writes.save(db, [ROW._replace(lead_id=n) for n in SOME], model_id=1, reason="change"),
        {"unscored_pkey"},
    ),
    "note_error": (lambda db: unscored.note_error(db, [77], "x"), {"unscored_pkey"}),
    "strand": (_strand, {"unscored_due"}),
    "take": (lambda db: outbox.oldest(db, 500), {"outbox_pkey"}),
    "discard": (lambda db: outbox.delete(db, SOME), {"outbox_pkey"}),
    "sealed": (lambda db: contacts.sealed(db, SOME), {"lead_contacts_pkey"}),
    "find": (lambda db: lead_list.find(db, 77), {"leads_pkey", "scores_pkey"}),
    "find_id": (lambda db: lead_list.find_id(db, "standard", "L77"), {"leads_source_external_id_key"}),
    "prefix": (
        lambda db: lead_list.page(db, lead_list.Filter(prefix="l_77"), "-score", None, 50),
        {"leads_external_id", "scores_pkey"},
    ),
    "find_ids": (lambda db: lead_list.find_ids(db, "L77", 50), {"leads_external_id"}),
    "contact": (lambda db: contacts.find(db, b"x", [b"y"], 50), {"lead_contacts_email_index"}),
    "judge": (lambda db: outcomes.judge(db, 200), {"outcomes_unjudged", "_lead_id_rev_idx"}),
    "judged": (lambda db: outcomes.judged(db, 7), {"outcomes_model_id_at"}),
    "count_since": (lambda db: outcomes.count_since(db, NOW - timedelta(minutes=5), 500), {"outcomes_received_at"}),
    "recent": (
        lambda db: training_examples.recent(db, NOW - timedelta(days=1), datetime.now(UTC) + HOUR, 200),
        {"leads_pkey"},
    ),
    "timeline": (lambda db: timeline.of_lead(db, 77, 200), {"timeline_lead_id_received_at"}),
    "history": (lambda db: lead_list.history(db, 77, 500), {"_lead_id_rev_idx"}),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_query_reads_no_large_table_from_its_beginning(filled: Services, name: str) -> None:
    query, expected = HOT[name]
    found = [node for plan in plans(filled, query) for node in nodes(plan)]
    whole = [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan" and node["Plan Rows"] > LARGE]
    large = {relation for relation in whole if not relation.endswith("_default")}
    assert not large
    used = " ".join(node.get("Index Name", "") for node in found)
    for index in expected:
        assert index in used
