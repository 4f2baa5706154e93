"""Saved leads scored anew: what would change, and the step that writes it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from pipeline.redis_store.changed_leads import ChangedLeads
from pipeline.scoring.features import Matrix
from pipeline.scoring.matrix import MatrixScores, differ, read, reasons, score_matrix
from pipeline.scoring.scorer import Scorer
from pipeline.storage.leads import lead_rows
from pipeline.storage.operations import outbox
from pipeline.storage.operations.outbox import ScoreEvent
from pipeline.storage.runs.lead_selection import Selection, selection
from pipeline.storage.scores import packed_scores, run_writes
from pipeline.storage.scores.packed_scores import Records
from pipeline.wiring import Services
from schemas.run import DeltaBucket, LeadFilter, Preview, TierMove
from schemas.score import Tier

DELTAS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)  # points: where the buckets of a preview begin


@dataclass(frozen=True)
class EncodedLeads:
    """Vectors that were not there, or older than their score: places in the step, ids, revisions, (n, features)."""

    ids: list[int]
    revisions: list[int]
    vectors: Matrix


@dataclass(frozen=True)
class JudgedScores:
    """Leads of one step: what is saved of them and what they score now; `changed` are places in both."""

    saved: Records
    found: MatrixScores
    changed: NDArray[np.intp]
    encoded: EncodedLeads | None

    def __len__(self) -> int:
        return len(self.saved)

    def tiers_changed(self, ids: NDArray[np.int64]) -> int:
        """How many of these leads have another tier than before."""
        at = np.searchsorted(self.saved["id"], ids)
        return int((self.saved["tier"][at] != self.found.tiers[at]).sum())


class Rescorer:
    """Scores the chosen leads by one model and one clock."""

    def __init__(self, scorer: Scorer, model_id: int, as_of: datetime, where: LeadFilter) -> None:
        self._scorer = scorer
        self._model_id = model_id
        self._as_of = as_of
        self._chosen: Selection = selection(where, model_id)

    def judge(self, db: Session, first: int, last: int) -> JudgedScores:
        """The chosen leads from `first` to `last`; nothing is written."""
        features = self._scorer.model.features
        width = len(features.features)
        saved = packed_scores.read(db, self._chosen, first, last, model_id=self._model_id, width=width)
        matrix = np.ascontiguousarray(saved["vector"])
        encoded = self._encode(db, saved, matrix)
        found = score_matrix(self._scorer, matrix, self._as_of)
        changed = differ(saved["score"].astype(np.float32), saved["tier"], found)
        return JudgedScores(saved, found, np.flatnonzero(changed), encoded)

    def save(self, db: Session, judged: JudgedScores) -> ChangedLeads | None:
        """Writes what changed, as far as nobody wrote it since; None if nothing was written."""
        # Scores before vectors, as real time locks them.
        written = run_writes.save(db, columns(judged), model_id=self._model_id) if len(judged.changed) else []
        if judged.encoded:
            encoded = judged.encoded
            run_writes.store_vectors(db, encoded.ids, encoded.revisions, encoded.vectors, model_id=self._model_id)
        return _told(judged, written)

    def announce(self, db: Session, changed: ChangedLeads, sources: Sequence[str]) -> None:
        """Events of their own for leads of these sources, whose CRMs are told each score in words."""
        waiting = lead_rows.of_sources(db, changed.ids.tolist(), sources)
        rows = self._scorer.score(waiting, self._as_of)
        places = np.searchsorted(changed.ids, [row.lead_id for row in rows])
        told = [
            ScoreEvent(row.lead_id, int(changed.revs[at]), float(changed.previous[at]), row.owner, row.body)
            for row, at in zip(rows, places, strict=True)
            # One that has changed since is scored, and told, by real time.
            if np.float32(row.score) == changed.scores[at]
        ]
        if told:
            outbox.append_scores(db, told)

    def _encode(self, db: Session, saved: Records, matrix: Matrix) -> EncodedLeads | None:
        """Fills what is not fresh into `matrix`.

        A lead may have changed since its score: then it is encoded as it is now, and its score keeps the revision that
        it had, so that real time, which owes it one of the new revision, still writes and announces it.
        """
        places = np.flatnonzero(saved["fresh"] == 0)
        if not len(places):
            return None
        features = self._scorer.model.features
        known = lead_rows.known(db, saved["id"][places].tolist())
        vectors = features.matrix([features.values(lead.attributes, lead.active_at) for lead in known])
        matrix[places] = vectors
        return EncodedLeads([lead.id for lead in known], [lead.revision for lead in known], vectors)


def preview(
    services: Services, where: LeadFilter, *, model_id: int, as_of: datetime, width: int, step: Callable[[int], None]
) -> Preview:
    """What a run would change, told `width` ids at a time; nothing is written."""
    scorer = services.scorer_of(model_id)
    rescorer = Rescorer(scorer, model_id, as_of, where)
    moves: Counter[tuple[str, str]] = Counter()
    deltas = np.zeros(len(DELTAS), int)
    seen = changed = tiers_changed = 0
    with services.reading() as db:
        first, last = packed_scores.bounds(db)
        for start in range(first, last + 1, width):
            judged = rescorer.judge(db, start, min(start + width - 1, last))
            at = judged.changed
            before, after = judged.saved["tier"][at].tolist(), judged.found.tiers[at].tolist()
            moves.update((was.decode(), now.decode()) for was, now in zip(before, after, strict=True) if was != now)
            apart = np.abs(read(judged.found.scores[at]) - read(judged.saved["score"][at]))
            deltas += np.bincount(np.searchsorted(DELTAS, apart.round(1), side="right") - 1, minlength=len(DELTAS))
            seen += len(judged)
            changed += len(at)
            tiers_changed += judged.tiers_changed(judged.saved["id"][at])
            step(len(judged))
    return Preview(
        model_version=scorer.model.version,
        as_of=as_of,
        leads=seen,
        leads_changed=changed,
        tiers_changed=tiers_changed,
        tier_moves=tuple(TierMove(before=Tier(was), after=Tier(now), leads=n) for (was, now), n in moves.most_common()),
        deltas=tuple(
            DeltaBucket(low=low, high=high, leads=int(n))
            for low, high, n in zip(DELTAS, (*DELTAS[1:], None), deltas, strict=True)
        ),
    )


def columns(judged: JudgedScores) -> Sequence[tuple[str, str, NDArray[Any]]]:
    """What changed, as `rescored_leads` has it."""
    at = judged.changed
    why = reasons(judged.found, at)
    return (
        ("lead_id", ">i8", judged.saved["id"][at]),
        ("rev", ">i8", judged.saved["rev"][at]),
        ("score", ">f4", judged.found.scores[at]),
        ("confidence", ">f4", judged.found.confidences[at]),
        ("tier", "S1", judged.found.tiers[at]),
        ("factors", why.factors.dtype.str, why.factors),
        ("bins", why.bins.dtype.str, why.bins),
    )


def _told(judged: JudgedScores, written: Sequence[tuple[str | None, Sequence[int]]]) -> ChangedLeads | None:
    """The written ones in ascending id, with the revision that the write gave them."""
    if not written:
        return None
    ids = np.concatenate([np.array(of_owner, np.int64) for _, of_owner in written])
    owners = np.repeat(np.arange(len(written)), [len(of_owner) for _, of_owner in written])
    order = np.argsort(ids)
    at = np.searchsorted(judged.saved["id"], ids[order])
    return ChangedLeads(
        ids=ids[order],
        revs=judged.saved["rev"][at].astype(np.int64) + 1,
        scores=judged.found.scores[at],
        previous=judged.saved["score"][at].astype(np.float32),
        tiers=judged.found.tiers[at],
        owners=owners[order].astype(np.uint16),
        names=tuple(owner for owner, _ in written),
    )
