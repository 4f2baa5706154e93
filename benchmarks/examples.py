"""Learning from a million leads of thirty attributes; and how long one vector, example or model version takes there.

python -m benchmarks.examples [leads]
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from threading import Event, Thread

import psutil
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.bench import bench_services
from benchmarks.record import record
from pipeline.learning import training
from pipeline.settings.loader import load
from pipeline.storage.models import champions, model_versions, training_examples
from pipeline.storage.runs.lead_selection import selection
from pipeline.storage.scores import packed_scores, score_writes
from pipeline.wiring import Services
from schemas.example import Early
from schemas.run import LeadFilter
from schemas.score import ScoreRow

LEADS = 1_000_000
GROUP = 100_000  # leads a statement
FEATURES = 30
ASKED = 1000  # times each, of a lead by chance
SAMPLE_S = 0.2
MIB = 2**20
TARGETS = {"minutes": 30, "peak_mib": 8192, "p99_ms": 20}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    leads = int(sys.argv[1]) if len(sys.argv) > 1 else LEADS
    with bench_services() as services:
        fill(services, leads)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            learned = pool.submit(learn, services.settings.state_dir).result()
        figures = {
            "leads": leads,
            "features": FEATURES,
            "learning": learned,
            "one_of_them": one_of_them(services, leads),
        }
        record("examples", {"targets": TARGETS, **figures})


def fill(services: Services, leads: int) -> None:
    for first in range(1, leads + 1, GROUP):
        with services.session() as db:
            db.execute(FILL, {"first": first, "last": min(leads, first + GROUP - 1)})
    with services.session() as db:
        db.execute(CAPTURED)
        db.execute(SCORED)
    with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def learn(state_dir: Path) -> dict[str, object]:
    """As `service6 train --cores 2`, in a process of its own."""
    services = Services(load(state_dir))
    began = time.perf_counter()
    with memory() as peak:
        with services.session() as db:
            split = training_examples.split(db)
        read_s = time.perf_counter() - began
        card = training.train(split, training.TrainingConfig(services.settings.tiers, cores=2)).card
    return {
        "read_s": round(read_s, 1),
        "minutes": round((time.perf_counter() - began) / 60, 2),
        "peak_mib": round(peak()),
        "trained_on": card.trained_on.leads,
        "sampled": card.sampled,
        "tested_on": card.tested_on.leads,
        "test_sampled": card.test_sampled,
        "roc_auc": card.quality.roc_auc,
        "readiness": card.readiness,
    }


@contextmanager
def memory() -> Iterator[Callable[[], float]]:
    """Yields what tells the most that this process and its children held at once, in MiB (PSS)."""
    highest, ended = [0], Event()
    everyone = psutil.Process()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            held = 0
            for process in [everyone, *everyone.children(recursive=True)]:
                try:
                    held += process.memory_full_info().pss
                except psutil.NoSuchProcess:
                    continue
            highest[0] = max(highest[0], held)

    watching = Thread(target=watch)
    watching.start()
    try:
        yield lambda: highest[0] / MIB
    finally:
        ended.set()
        watching.join()


def one_of_them(services: Services, leads: int) -> dict[str, dict[str, float]]:
    """Milliseconds until it is read, or committed."""
    chance = Random(1)
    artefact = {"tables": ["x" * 1000] * 80}  # as large as a model of the X Education set
    with services.session() as db:
        champions.add(db, "read", "glassbox", artefact, {})
        read = db.execute(text("SELECT id FROM model_versions WHERE version = 'read'")).scalar_one()
    everything = selection(LeadFilter(), 1)
    row = ScoreRow(0, 2, 50.0, 0.5, "B", b"\0" * 40, b"\0" * 60, b"\0" * 120, None, "{}")
    uncaptured = iter(chance.sample(range(1, leads // 3), ASKED))
    early = Early({f"attribute_{n}": n for n in range(FEATURES)}, NOW, imported=False)
    deeds: dict[str, Callable[[Session, int], object]] = {
        "read_vector": lambda db, lead: packed_scores.read(db, everything, lead, lead, model_id=1, width=FEATURES),
        "write_vector": lambda db, lead: score_writes.save(
            db, [row._replace(lead_id=lead)], model_id=1, reason="change"
        ),
        "read_example": lambda db, lead: db.execute(EXAMPLE, {"lead": lead}).all(),
        "write_example": lambda db, _: training_examples.capture(db, [(3 * next(uncaptured) + 1, early)]),
        "read_model": lambda db, _: model_versions.load(db, read),
        "write_model": lambda db, lead: champions.add(db, f"v{chance.random()}", "glassbox", artefact, {}),
    }
    return {
        name: _times(services, deed, [chance.randint(1, leads) for _ in range(ASKED)]) for name, deed in deeds.items()
    }


def _times(services: Services, deed: Callable[[Session, int], object], leads: list[int]) -> dict[str, float]:
    took = []
    for lead in leads:
        began = time.perf_counter()
        with services.session() as db:
            deed(db, lead)
        took.append(1000 * (time.perf_counter() - began))
    return {"p50_ms": round(statistics.median(took), 2), "p99_ms": round(statistics.quantiles(took, n=100)[98], 2)}


EXAMPLE = text("SELECT attributes, as_of FROM training_examples WHERE lead_id = :lead")

# A third were captured: their mark, and below their copy.
FILL = text("""
    INSERT INTO leads (source, external_id, reading, attributes, attribute_times, active_at, outcome, outcome_at)
    SELECT 'bench', 'lead-' || n, 1, r.attributes,
           CASE WHEN n % 3 = 0 THEN '{"*": [1767225600000000, "b"], "$early": [1767225700000000, "b"]}'
                ELSE '{"*": [1767225600000000, "b"]}' END::jsonb,
           timestamptz '2026-01-01' + n * interval '10 s',
           CASE WHEN random() < 1 / (1 + exp(1.5 - 0.25 * (r.attributes ->> 'number_1')::float
                                             - 0.2 * (r.attributes ->> 'number_2')::float
                                             + 0.3 * (r.attributes ->> 'word_1')::int
                                             - (r.attributes ->> 'flag_1')::boolean::int))
                THEN 'won' ELSE 'lost' END, now()
      FROM (SELECT n, (SELECT jsonb_object_agg('number_' || k, round((10 * random() + n * 0)::numeric, 3))
                         FROM generate_series(1, 14) k)
                   || (SELECT jsonb_object_agg('word_' || k, (floor(8 * random()) + n * 0)::int::text)
                         FROM generate_series(1, 10) k)
                   || (SELECT jsonb_object_agg('flag_' || k, random() + n * 0 < 0.4) FROM generate_series(1, 4) k)
                   || jsonb_build_object('seen_at', timestamptz '2026-01-01' + (n - 9000 * random()) * interval '10 s',
                                         'asked_at', timestamptz '2026-01-01' + (n - 9000 * random()) * interval '10 s')
                   AS attributes
              FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n) r
""")

CAPTURED = text("""
    INSERT INTO training_examples (lead_id, attributes, as_of, imported)
    SELECT id, attributes, active_at, false FROM leads WHERE attribute_times ? '$early'
""")

SCORED = text("""
    WITH scored AS (
        INSERT INTO scores (lead_id, score, confidence, tier, factors, model_id, lead_revision)
        SELECT id, 50, 0.5, 'B', '', 1, 1 FROM leads RETURNING lead_id
    )
    INSERT INTO feature_vectors (lead_id, feature_set, lead_revision, vector)
    SELECT lead_id, 1, 1, decode(repeat('00', 120), 'hex') FROM scored
""")


if __name__ == "__main__":
    main()
