"""Saves the scores that a run changed, with their history, in one statement from a temporary table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.scores.packed_scores import write

REASON = "rescore"  # in the score's history


def save(
    db: Session, columns: Sequence[tuple[str, str, NDArray[Any]]], *, model_id: int
) -> list[tuple[str | None, list[int]]]:
    """Saves `columns` of `rescored_leads`, in ascending id; returns the leads that were written, by owner.

    A score that was written since `rev` was read is left as it is.
    Commits without waiting for the disk: if the commit is lost, so is the slice's progress, and the step is repeated.
    """
    for statement in PREPARE:
        db.execute(statement)
    write(db, columns, "rescored_leads")
    return [(owner, ids) for owner, ids in db.execute(SAVE, {"model_id": model_id, "reason": REASON})]


def store_vectors(
    db: Session, ids: Sequence[int], lead_revisions: Sequence[int], vectors: NDArray[np.float32], *, model_id: int
) -> None:
    """Saves vectors that were encoded again; a stored one of a newer lead revision stays."""
    parameters = {
        "ids": list(ids),
        "revisions": list(lead_revisions),
        "vectors": [vector.tobytes() for vector in vectors],
        "model_id": model_id,
    }
    db.execute(STORE, parameters)


PREPARE = tuple(
    text(statement)
    for statement in (
        """CREATE TEMPORARY TABLE IF NOT EXISTS rescored_leads (
               lead_id bigint, rev bigint, score real, confidence real, tier char(1), factors bytea, bins bytea
           ) ON COMMIT DELETE ROWS""",
        "SET LOCAL synchronous_commit = off",
        "SET LOCAL client_min_messages = warning",
        # One lead after the other, in the order of the temporary table: all writers lock in ascending id.
        "SET LOCAL enable_hashjoin = off",
        "SET LOCAL enable_mergejoin = off",
    )
)

SAVE = text("""
    WITH written AS (
        UPDATE scores s
           SET score = t.score, previous_score = s.score, confidence = t.confidence, tier = t.tier,
               factors = t.factors, model_id = :model_id, rev = s.rev + 1, previous_owner = s.owner, updated_at = now()
          FROM rescored_leads t
         WHERE s.lead_id = t.lead_id AND s.rev = t.rev
        RETURNING s.lead_id, s.score, s.confidence, s.tier, s.lead_revision, s.rev, s.owner, t.bins
    ), remembered AS (
        INSERT INTO score_history (lead_id, score, confidence, tier, model_id, lead_revision, rev, reason, bins)
        SELECT lead_id, score, confidence, tier, :model_id, lead_revision, rev, :reason, bins FROM written
    )
    SELECT owner, array_agg(lead_id) FROM written GROUP BY owner
""")

STORE = text("""
    INSERT INTO feature_vectors AS f (lead_id, feature_set, lead_revision, vector)
    SELECT v.*
      FROM (SELECT lead_id, CAST(:model_id AS integer) AS feature_set, lead_revision, vector
              FROM unnest(CAST(:ids AS bigint[]), CAST(:revisions AS bigint[]), CAST(:vectors AS bytea[]))
                   AS t (lead_id, lead_revision, vector)
             ORDER BY lead_id) AS v
        ON CONFLICT (lead_id) DO UPDATE
       SET feature_set = excluded.feature_set, lead_revision = excluded.lead_revision, vector = excluded.vector
     WHERE excluded.lead_revision >= f.lead_revision
""")
