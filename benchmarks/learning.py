"""How good learned scores are on a public set of leads, and what scoring with exact factors costs.

The set is not ours to ship: give its path, `python -m benchmarks.learning LEADS.csv` (X Education, `Leads.csv`).
"""

import csv
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.record import record
from pipeline.learning import training
from pipeline.learning.column_kinds import columns
from pipeline.learning.evaluation import calibration, calibration_error, lift
from pipeline.learning.leaks import leaks
from pipeline.learning.training import TrainingConfig, chances, outcomes
from pipeline.scoring import explain
from pipeline.scoring.glassbox import GlassBoxModel
from pipeline.scoring.scorer import Scorer
from schemas.example import Example
from schemas.glassbox import GlassBoxArtefact
from schemas.lead import UnscoredLead
from schemas.scorecard import TierCuts
from tests.unit.pipeline.learning.leads import split

TARGETS = {
    "roc_auc": 0.874,
    "calibration_error": 0.015,
    "lift_at_tenth": 2.47,
    "roc_auc_by_number": 0.889,
    "small": -0.005,
    "leads_per_s": 400_000,
    "times_lightgbm": 200,
    "one_lead_us": 300,
    "train_s": 60,
}
# The two identifiers and the constants are left to the rules; these are what staff write afterwards.
STAFF = (
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Last Notable Activity",
    "Last Activity",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
)
SEED = 42
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = (100, 300, 1000)
DRAWS = 10  # small training sets of each size
STORED = 200_000
ROUNDS = 5


def main() -> None:
    # numpy's own threads would make one core two.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    examples = read(Path(sys.argv[1]))
    wishes = TrainingConfig(TierCuts(), without=STAFF, seed=SEED)
    model = training.fit(examples, wishes).model
    record(
        "learning",
        {
            "targets": TARGETS,
            "five_folds": five_folds(examples, wishes),
            "by_lead_number": by_number(examples, wishes),
            "few_leads": {str(size): few_leads(examples, wishes, size) for size in SMALL},
            "leaks_with_all_columns": leaking(examples),
            "training": one_training(examples, wishes),
            "stored_matrix": stored_matrix(examples, model),
            "one_lead": one_lead(examples, model),
        },
    )


def read(path: Path) -> list[Example]:
    """By lead number, which stands for time: the set has no dates."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["Lead Number"]))
    return [
        Example(
            n, {k: v for k, v in row.items() if k != "Converted"}, NOW + timedelta(minutes=n), row["Converted"] == "1"
        )
        for n, row in enumerate(rows)
    ]


def five_folds(examples: Sequence[Example], wishes: TrainingConfig) -> dict[str, object]:
    won = outcomes(examples)
    chance = np.empty(len(won))
    aucs = []
    for older, newer in StratifiedKFold(5, shuffle=True, random_state=SEED).split(won, won):
        model = training.fit([examples[n] for n in older], wishes).model
        chance[newer] = chances(model, [examples[n] for n in newer])
        aucs.append(roc_auc_score(won[newer], chance[newer]))
    return {
        "roc_auc": round(float(np.mean(aucs)), 4),
        "calibration_error": round(calibration_error(calibration(chance, won)), 4),
        "lift_at_tenth": round(lift(chance, won), 3),
    }


def by_number(examples: Sequence[Example], wishes: TrainingConfig) -> dict[str, object]:
    at = round(0.7 * len(examples))
    older, newer = examples[:at], examples[at:]
    chance = chances(training.fit(older, wishes).model, newer)
    return {"roc_auc": round(float(roc_auc_score(outcomes(newer), chance)), 4)}


def few_leads(examples: Sequence[Example], wishes: TrainingConfig, size: int) -> dict[str, float]:
    """The median over draws of ours, and of how far it is above plain logistic regression on the same draws."""
    ours, ahead = [], []
    for draw in range(DRAWS):
        mixed = np.random.default_rng(draw).permutation(len(examples))
        drawn = [examples[n] for n in sorted(mixed[:size])]
        rest = [examples[n] for n in mixed[-3000:]]
        won = outcomes(rest)
        auc = float(roc_auc_score(won, chances(training.fit(drawn, wishes).model, rest)))
        ours.append(auc)
        ahead.append(auc - float(roc_auc_score(won, plain_regression(drawn, rest))))
    return {"roc_auc": round(statistics.mean(ours), 4), "above_logistic_regression": round(statistics.mean(ahead), 4)}


def plain_regression(drawn: Sequence[Example], rest: Sequence[Example]) -> NDArray[np.float64]:
    """One-hot words, scaled numbers with the median for what is missing: what a textbook would do."""
    found = columns([example.attributes for example in drawn], dict.fromkeys(STAFF, "not wanted"))
    older, newer = training.readings(found, drawn), training.readings(found, rest)
    words = [n for n, feature in enumerate(found.features) if feature.kind == "category"]
    numbers = [n for n, feature in enumerate(found.features) if feature.kind != "category"]
    middle, spread = np.nanmedian(older[:, numbers], axis=0), np.nanstd(older[:, numbers], axis=0)

    def scaled(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        known = np.where(np.isnan(seen[:, numbers]), middle, seen[:, numbers])
        return (known - middle) / np.maximum(spread, 1e-9)

    coded = make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False)).fit(older[:, words])
    model = LogisticRegression(max_iter=1000)
    model.fit(np.c_[coded.transform(older[:, words]), scaled(older)], outcomes(drawn))
    found_chances: NDArray[np.float64] = model.predict_proba(np.c_[coded.transform(newer[:, words]), scaled(newer)])[
        :, 1
    ]
    return found_chances


def leaking(examples: Sequence[Example]) -> list[str]:
    found = columns([example.attributes for example in examples])
    seen = training.readings(found, examples)
    return [leak.attribute for leak in leaks(found.features, seen, outcomes(examples), SEED)]


def one_training(examples: Sequence[Example], wishes: TrainingConfig) -> dict[str, object]:
    began = time.perf_counter()
    trained = training.train(split(examples), replace(wishes, cores=2))
    return {
        "rows": len(examples),
        "seconds": round(time.perf_counter() - began, 1),
        "readiness": trained.card.readiness,
        "roc_auc": trained.card.quality.roc_auc,
        "artefact_kb": len(trained.model.model_dump_json()) // 1024,
    }


def stored_matrix(examples: Sequence[Example], model: GlassBoxArtefact) -> dict[str, object]:
    """From float32 vectors to scores, confidences, all terms and the packed strongest, on one core."""
    box = GlassBoxModel(model)
    matrix = box.features.matrix([box.features.values(example.attributes, NOW) for example in examples])
    stored = matrix[np.random.default_rng(SEED).integers(0, len(matrix), STORED)]
    ours = rate(lambda: scored(box, stored), STORED)
    other = lightgbm.LGBMClassifier(n_jobs=1, verbose=-1, random_state=SEED).fit(matrix, outcomes(examples))
    few = stored[:2000]
    theirs = rate(lambda: other.booster_.predict(few, pred_contrib=True, num_threads=1), len(few))
    return {
        "leads_per_s": round(ours),
        "lightgbm_pred_contrib_per_s": round(theirs),
        "times": round(ours / theirs),
    }


def scored(box: GlassBoxModel, stored: NDArray[np.float32]) -> None:
    for n in range(0, len(stored), 5000):
        judged = box.judge(box.features.bins(stored[n : n + 5000], NOW))
        explain.strongest(judged.terms, judged.places)


def one_lead(examples: Sequence[Example], model: GlassBoxArtefact) -> dict[str, object]:
    """From attributes to the whole event: encoded, scored, packed, explained in words."""
    scorer = Scorer(GlassBoxModel(model), TierCuts())
    leads = [
        UnscoredLead(n, "crm", str(n), 1, e.attributes, None, None, None, NOW) for n, e in enumerate(examples[:500])
    ]
    took = []
    for lead in leads:
        began = time.perf_counter()
        scorer.score([lead], NOW)
        took.append((time.perf_counter() - began) * 1e6)
    return {"p50_us": round(statistics.median(took)), "p99_us": round(statistics.quantiles(took, n=100)[98])}


def rate(work: Callable[[], object], leads: int) -> float:
    """Leads a second in the best of some rounds: the others measured the machine's other work."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return leads / min(took)


if __name__ == "__main__":
    main()
