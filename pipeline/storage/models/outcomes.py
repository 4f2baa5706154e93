"""Stores outcomes, each with the score that the lead had when it came and the model version that made the score."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations import outbox
from schemas.event import EventKind
from schemas.lead import Outcome

MOST_JUDGED = 5000  # of one version, the newest, to compute its accuracy from


class DecidedLead(NamedTuple):
    lead_id: int
    outcome: str
    at: datetime
    revision: int  # of the lead, that tells it


class JudgedOutcome(NamedTuple):
    score: float
    won: bool
    at: datetime


def record(db: Session, decided: Sequence[DecidedLead], received_at: datetime) -> None:
    """Saves and announces outcomes of leads that this transaction has locked; a repeated outcome changes nothing."""
    ids, outcomes, ats, revisions = (list(column) for column in zip(*sorted(decided), strict=True))
    columns = {"ids": ids, "outcomes": outcomes, "ats": ats, "revisions": revisions}
    db.execute(RECORD, {**columns, "received_at": received_at})


def forget(db: Session, lead_ids: Sequence[int]) -> None:
    """Deletes outcomes that were taken back, of leads that this transaction has locked."""
    db.execute(FORGET, {"ids": sorted(lead_ids)})


def judge(db: Session, limit: int) -> int:
    """Finds the scores of up to `limit` outcomes that have none yet; returns how many."""
    return int(db.execute(JUDGE, {"limit": limit}).rowcount)  # type: ignore[attr-defined]


def judged(db: Session, model_id: int) -> list[JudgedOutcome]:
    """The outcomes of leads that this version had scored, the newest first."""
    rows = db.execute(JUDGED, {"model_id": model_id, "won": Outcome.WON.value, "limit": MOST_JUDGED})
    return [JudgedOutcome(*row) for row in rows]


def count_since(db: Session, moment: datetime | None, most: int) -> int:
    """How many outcomes came in since that moment, counted up to `most`."""
    return int(db.execute(COUNT_SINCE, {"moment": moment, "most": most}).scalar_one())


EVENTS = outbox.appending(
    f"SELECT '{EventKind.OUTCOME}', 'lead:' || lead_id, 1, NULL, NULL, NULL, '{{}}' FROM noted"  # noqa: S608
)

RECORD = text(f"""
    WITH noted AS (
        INSERT INTO outcomes AS o (lead_id, outcome, at, received_at, lead_revision)
        SELECT v.lead_id, v.outcome, v.at, :received_at, v.revision
          FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[]), CAST(:ats AS timestamptz[]),
                      CAST(:revisions AS bigint[])) AS v (lead_id, outcome, at, revision)
         ORDER BY v.lead_id
            ON CONFLICT (lead_id) DO UPDATE
           SET outcome = excluded.outcome, at = excluded.at, received_at = excluded.received_at,
               lead_revision = excluded.lead_revision, judged = false, model_id = NULL, score = NULL
         WHERE o.outcome <> excluded.outcome
        RETURNING lead_id
    )
    {EVENTS}
""")  # noqa: S608

FORGET = text("DELETE FROM outcomes WHERE lead_id = ANY(CAST(:ids AS bigint[]))")

JUDGE = text("""
    WITH s AS MATERIALIZED (
        SELECT lead_id, received_at, lead_revision FROM outcomes
         WHERE NOT judged ORDER BY lead_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE outcomes o SET judged = true, model_id = h.model_id, score = h.score
      FROM s
      LEFT JOIN LATERAL (
           SELECT model_id, score FROM score_history h
            -- Both by our clock: a vendor may stamp an outcome with a moment before anything was scored.
            WHERE h.lead_id = s.lead_id AND h.at <= s.received_at AND h.lead_revision < s.lead_revision
            ORDER BY rev DESC LIMIT 1) h ON true
     WHERE o.lead_id = s.lead_id
       AND o.lead_id = ANY(ARRAY(SELECT lead_id FROM s)) -- by index, however many there are
""")

JUDGED = text("""
    SELECT score, outcome = :won, at FROM outcomes WHERE model_id = :model_id ORDER BY at DESC LIMIT :limit
""")

COUNT_SINCE = text("""
    SELECT count(*) FROM (
        SELECT FROM outcomes
         WHERE received_at > COALESCE(CAST(:moment AS timestamptz), '-infinity') LIMIT :most) AS counted
""")
