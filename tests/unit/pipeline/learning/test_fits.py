"""Both ways of fitting give tables that are their library's own model, to the last digits that count."""

import numpy as np
import psutil
import pytest
from interpret.glassbox import ExplainableBoostingClassifier

from pipeline.learning import boosting, logistic, training
from pipeline.learning.additive import TrainingMatrix, as_tables
from pipeline.learning.column_kinds import columns
from pipeline.scoring.features import FeatureSet
from pipeline.scoring.glassbox import GlassBoxModel
from tests.unit.pipeline.learning.leads import examples

KNOWN = examples(900)
OLDER, NEWER = KNOWN[:700], KNOWN[700:]
FOUND = columns([example.attributes for example in OLDER])
SEEN = TrainingMatrix(FOUND.features, training.readings(FOUND, OLDER), training.outcomes(OLDER))
HELD = training.readings(FOUND, NEWER)


def held_rows() -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Newer leads, and some that have nothing, words that nobody saw, and numbers far off."""
    strange = HELD[:60].copy()
    strange[:20] = np.nan
    words = [n for n, feature in enumerate(FOUND.features) if feature.kind == "category"]
    numbers = [n for n, feature in enumerate(FOUND.features) if feature.kind != "category"]
    strange[20:40, words] = [FOUND.features[n].bin_count - 1 for n in words]
    strange[40:50, numbers], strange[50:, numbers] = np.float32(3e38), np.float32(-3e38)
    return np.concatenate([HELD, strange])


@pytest.mark.filterwarnings("ignore:Missing values detected:UserWarning")
def test_a_boosted_model_predicts_what_its_library_predicts() -> None:
    held_out = np.zeros((len(OLDER), boosting.BAGS), bool)
    held_out[::7] = True
    machine = ExplainableBoostingClassifier(
        feature_types=["nominal" if feature.kind == "category" else "continuous" for feature in FOUND.features],
        interactions=3,
        max_bins=64,
        max_interaction_bins=8,
        outer_bags=boosting.BAGS,
        max_rounds=200,
        n_jobs=1,
        random_state=0,
    )
    machine.fit(SEEN.readings.astype(float), SEEN.won, bags=np.where(held_out, -1, 1).astype(np.int8))
    model = boosting.tables_of(machine, FOUND.features, held_out)
    features = FeatureSet(model.features)
    box = GlassBoxModel(as_tables(model, features.binned(SEEN.readings), slope=1, shift=0))
    rows = held_rows()
    judged = box.judge(features.binned(rows))
    ours = box.tables.intercept + box.logits(judged.places).sum(axis=1)
    assert any(len(term.axes) == 2 for term in box.tables.terms)
    assert ours == pytest.approx(machine.decision_function(rows.astype(float)), abs=1e-6)
    assert judged.scores / 100 == pytest.approx(machine.predict_proba(rows.astype(float))[:, 1], abs=1e-6)


def test_a_regression_is_the_mean_of_its_bags_and_its_terms_are_zero_on_average() -> None:
    model = logistic.fit(SEEN, seed=3)
    bins = FeatureSet(model.features).binned(SEEN.readings)
    box = GlassBoxModel(as_tables(model, bins, slope=1, shift=0))
    logits = box.logits(box.judge(bins).places)
    assert box.tables.intercept + logits.sum(axis=1) == pytest.approx(model.bag_logits(bins).mean(axis=1), abs=1e-6)
    assert logits.mean(axis=0) == pytest.approx(np.zeros(len(model.features)), abs=1e-6)


def test_a_regression_knows_only_what_was_drawn_into_each_bag() -> None:
    model = logistic.fit(SEEN, seed=3)
    parts = model.held_out.mean(axis=0)
    assert ((parts > 0.25) & (parts < 0.5)).all()  # 1/e of those drawn from with replacement


def test_what_never_was_missing_costs_nothing_when_it_is() -> None:
    model = logistic.fit(SEEN, seed=3)
    of = [feature.name for feature in model.features].index("newsletter")
    assert np.abs(model.tables[of].bags).max() < 5


def test_the_same_seed_learns_the_same_model() -> None:
    versions = []
    for _ in range(2):
        model = logistic.fit(SEEN, seed=3)
        versions.append(as_tables(model, FeatureSet(model.features).binned(SEEN.readings), 1, 0).checksum)
    assert versions[0] == versions[1]


def test_training_on_two_cores_leaves_no_process_behind_and_learns_the_same() -> None:
    alone, together = (boosting.fit(SEEN, seed=1, cores=cores) for cores in (1, 2))
    assert [table.bags.tolist() for table in together.tables] == [table.bags.tolist() for table in alone.tables]
    left = [child for child in psutil.Process().children(recursive=True) if "LokyProcess" in " ".join(child.cmdline())]
    assert not left
