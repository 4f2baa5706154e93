"""Scores leads with a model and the tier cuts, and explains the scores."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pipeline.scoring import explain
from pipeline.scoring.explain import Record, Term
from pipeline.scoring.model import Model
from pipeline.scoring.tier import tiers
from schemas.lead import UnscoredLead
from schemas.score import Factor, LeadScore, ScoreRow, Tier, Value
from schemas.scorecard import TierCuts

DECIMALS = 4


class Scorer:
    """Scores leads. It has no state but the model, so any number of threads may share it."""

    def __init__(self, model: Model, cuts: TierCuts) -> None:
        self.model = model
        self.cuts = cuts

    def score(self, leads: Sequence[UnscoredLead], as_of: datetime) -> list[ScoreRow]:
        """One row per lead, in the same order, scored as one matrix."""
        features = self.model.features
        values = [features.values(lead.attributes, lead.active_at) for lead in leads]
        matrix = features.matrix(values)
        bins = features.bins(matrix, as_of)
        judged = self.model.judge(bins)
        packed = explain.strongest(judged.terms, judged.places)
        rows = zip(
            leads,
            np.round(judged.scores, DECIMALS).tolist(),
            np.round(judged.confidences, DECIMALS).tolist(),
            tiers(judged.scores, self.cuts),
            explain.readable(packed),
            values,
            _bytes(packed),
            _bytes(explain.packed_places(judged.places)),
            _bytes(matrix),
            strict=True,
        )
        return [self._row(*row) for row in rows]

    def attempt(self, attributes: dict[str, Value], as_of: datetime, active_at: datetime | None = None) -> LeadScore:
        """What a lead with these attributes would score now; nothing is saved."""
        lead = UnscoredLead(0, "", "", 0, attributes, None, None, None, active_at or as_of)
        row = self.score([lead], as_of)[0]
        return LeadScore.model_validate(
            {**orjson.loads(row.body)["score"], "lead_id": "", "rev": 0, "updated_at": as_of}
        )

    def read(
        self,
        packed: bytes,
        score: float,
        confidence: float,
        tier: Tier,
        attributes: dict[str, Value] | None,
        active_at: datetime,
    ) -> dict[str, Any]:
        """The fields of LeadScore that explain a saved score; without `attributes` the factors carry no values."""
        values = None if attributes is None else self.model.features.values(attributes, active_at)
        why = self._why(explain.readable(explain.unpack(packed)), score, confidence, tier, values)
        return {**why, "factors": tuple(Factor.model_construct(**fields) for fields in why["factors"])}

    def terms(self, packed: bytes) -> dict[str, Term]:
        """All terms of a saved score by attribute, from the places kept in its history."""
        places = explain.unpack_places(packed)
        seen = zip(self.model.wordings, places[0], self.model.points(places)[0].tolist(), strict=True)
        terms = (explain.term(wordings[place], points) for wordings, place, points in seen)
        return {term.attribute: term for term in terms}

    def _why(
        self,
        records: Sequence[Record],
        score: float,
        confidence: float,
        tier: Tier,
        values: Sequence[Value | datetime] | None,
    ) -> dict[str, Any]:
        value_of = None if values is None else partial(self.model.shown, values)
        fields, terms = explain.factors(records, self.model.wordings, value_of)
        base = self.model.base
        return {
            "explanation": explain.sentence(tier, confidence, terms),
            "base": base,
            "factors": fields,
            "others": round(score - base - sum([term.points for term in terms]), explain.DECIMALS),
        }

    def _row(
        self,
        lead: UnscoredLead,
        score: float,
        confidence: float,
        tier: Tier,
        records: Sequence[Record],
        values: Sequence[Value | datetime],
        packed: bytes,
        places: bytes,
        vector: bytes,
    ) -> ScoreRow:
        lead_id = str(lead.id)
        # The publisher fills in what only the guarded write can know: rev, previous score, time.
        body = {
            "id": lead_id,
            "source": lead.source,
            "external_id": lead.external_id,
            "stage": lead.stage,
            "owner": lead.owner,
            "outcome": lead.outcome,
            "active_at": lead.active_at,
            "score": {
                "lead_id": lead_id,
                "score": score,
                "confidence": confidence,
                "tier": tier,
                **self._why(records, score, confidence, tier, values),
                "engine": self.model.engine,
                "model_version": self.model.version,
                "lead_revision": lead.revision,
            },
        }
        return ScoreRow(
            lead.id,
            lead.revision,
            score,
            confidence,
            tier,
            packed,
            places,
            vector,
            lead.owner,
            orjson.dumps(body).decode(),
        )


def _bytes(rows: NDArray[Any]) -> list[bytes]:
    """The bytes of each row of a matrix."""
    width = rows.itemsize * rows.shape[1]
    if not width:
        return [b""] * len(rows)
    packed: list[bytes] = np.ascontiguousarray(rows).view(f"V{width}").ravel().tolist()
    return packed
