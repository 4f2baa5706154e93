"""Saves scores together with everything that must change at the same moment."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations import outbox
from pipeline.storage.platform.after_commit import note_events
from schemas.event import EventKind
from schemas.score import ScoreRow


def save(db: Session, rows: Sequence[ScoreRow], *, model_id: int, reason: str) -> int:
    """Saves score, history, vector and event of each lead, and ends its waiting; returns how many were written.

    A score of a lead revision that is not newer than the saved score's is refused, and announces nothing. A lead stays
    in `unscored` if its revision has moved on.
    """
    written = int(db.execute(SAVE, {**_columns(rows), "model_id": model_id, "reason": reason}).scalar_one())
    note_events(db)
    return written


def _columns(rows: Sequence[ScoreRow]) -> dict[str, object]:
    """Each column as one text, in ascending id: PostgreSQL would parse each element of an array with one literal each,
    which cost as much as writing the rows.
    """
    ids, revisions, scores, confidences, tiers, factors, bins, vectors, owners, bodies = zip(*sorted(rows), strict=True)
    return {
        "ids": _array(ids),
        "revisions": _array(revisions),
        "scores": _array(scores),
        "confidences": _array(confidences),
        "tiers": "".join(tiers),
        "factors": _hex(factors),
        "bins": _hex(bins),
        "vectors": _hex(vectors),
        "owners": list(owners),
        "bodies": "\n".join(bodies),  # JSON has no line end of its own
    }


def _array(numbers: Sequence[float]) -> str:
    return f"{{{str(numbers).strip('(,)')}}}"


def _hex(packed: Sequence[bytes]) -> str:
    return ",".join(map(bytes.hex, packed))


EVENTS = outbox.appending(f"""
        SELECT '{EventKind.SCORE}', 'lead:' || w.lead_id, w.rev, w.previous_score, w.owner, w.previous_owner, i.body
          FROM written w JOIN incoming i USING (lead_id)""")  # noqa: S608

SAVE = text(f"""
    WITH incoming AS MATERIALIZED (
        SELECT lead_id, lead_revision, score, confidence, tier, decode(factors, 'hex') AS factors,
               decode(bins, 'hex') AS bins, decode(vector, 'hex') AS vector, owner, body
          FROM unnest(
            CAST(:ids AS bigint[]), CAST(:revisions AS bigint[]), CAST(:scores AS real[]),
            CAST(:confidences AS real[]), string_to_array(:tiers, NULL), string_to_array(:factors, ','),
            string_to_array(:bins, ','), string_to_array(:vectors, ','), CAST(:owners AS text[]),
            string_to_array(:bodies, chr(10))
        ) AS t (lead_id, lead_revision, score, confidence, tier, factors, bins, vector, owner, body)
    ), written AS (
        INSERT INTO scores AS s (lead_id, score, confidence, tier, factors, model_id, lead_revision, owner)
        SELECT lead_id, score, confidence, tier, factors, :model_id, lead_revision, owner
          FROM incoming ORDER BY lead_id
            ON CONFLICT (lead_id) DO UPDATE
           SET score = excluded.score, previous_score = s.score, confidence = excluded.confidence,
               tier = excluded.tier, factors = excluded.factors, model_id = excluded.model_id,
               lead_revision = excluded.lead_revision, rev = s.rev + 1, owner = excluded.owner,
               previous_owner = s.owner, updated_at = now()
         WHERE excluded.lead_revision > s.lead_revision
        RETURNING lead_id, score, previous_score, confidence, tier, lead_revision, rev, owner, previous_owner
    ), remembered AS (
        INSERT INTO score_history (lead_id, score, confidence, tier, model_id, lead_revision, rev, reason, bins)
        SELECT w.lead_id, w.score, w.confidence, w.tier, :model_id, w.lead_revision, w.rev, :reason, i.bins
          FROM written w JOIN incoming i USING (lead_id)
    ), announced AS (
        {EVENTS}
    ), encoded AS (
        INSERT INTO feature_vectors AS f (lead_id, feature_set, lead_revision, vector)
        SELECT lead_id, :model_id, lead_revision, vector FROM incoming ORDER BY lead_id
            ON CONFLICT (lead_id) DO UPDATE
           SET feature_set = excluded.feature_set, lead_revision = excluded.lead_revision, vector = excluded.vector
         WHERE excluded.lead_revision > f.lead_revision
    ), settled AS (
        DELETE FROM unscored d USING (
            SELECT u.lead_id FROM unscored u JOIN incoming i USING (lead_id)
             WHERE u.lead_id = ANY(CAST(:ids AS bigint[])) -- by index, however long the backlog is
               AND u.lead_revision = i.lead_revision
             ORDER BY u.lead_id FOR UPDATE OF u) AS s
         WHERE d.lead_id = s.lead_id
    )
    SELECT count(*) FROM written
""")  # noqa: S608
