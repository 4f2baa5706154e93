"""Who speaks in a log: our own progress, a worker's lifecycle, and what goes wrong anywhere."""

import subprocess
import sys
from collections import Counter

import orjson
import pytest

SPEAKING = """
import logging, sys
from pipeline import log
log.configure("worker")
for name in sys.argv[1:]:
    logging.getLogger(name).info("a step")
    logging.getLogger(name).warning("a warning")
"""
TRAINING = """
import numpy, logging
from interpret.glassbox import ExplainableBoostingClassifier
from pipeline import log
log.configure("worker")
matrix = numpy.random.default_rng(0).normal(size=(500, 4))
ExplainableBoostingClassifier(max_rounds=5, outer_bags=1).fit(matrix, matrix[:, 0] > 0)
logging.getLogger("tasks.learning").info("a model was learned")
"""


def lines(code: str, *arguments: str) -> list[dict[str, str]]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, timeout=120, check=True)
    return [orjson.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    "name", ["pipeline.services.start_run", "tasks.learning", "workers.publisher", "__main__", "celery.apps.worker"]
)
def test_our_progress_is_told(name: str) -> None:
    assert [line["level"] for line in lines(SPEAKING, name)] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    "name",
    ["interpret.utils._native", "a_library_of_tomorrow", "celery.app.trace", "kombu", "flower.command", "sqlalchemy"],
)
def test_of_others_only_what_goes_wrong(name: str) -> None:
    assert [line["level"] for line in lines(SPEAKING, name)] == ["WARNING"]


def test_the_log_of_a_training_is_ours() -> None:
    assert Counter(line["logger"] for line in lines(TRAINING)) == {"tasks.learning": 1}
