"""A worker's figures: every task of every queue is counted, also one whose process was killed."""

import os
import re
import signal
from collections.abc import Iterator

import orjson
import psutil
import pytest

from pipeline import task_calls
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tasks.app import app, deliver
from tests.integration.rows import blocked, leads_saved
from tests.integration.test_scoring_task import held
from tests.support.serving import worker
from tests.support.waiting import eventually
from workers.metrics_text import exposition

QUEUES = "scoring,upkeep,rescoring,learning,outbound"
SAMPLE = re.compile(r'^service6_(\w+)\{([^}]*task="([a-z_.]+)"[^}]*)\} (\S+)$', re.MULTILINE)


@pytest.fixture
def running(settings: Settings) -> Iterator[psutil.Process]:
    metrics = settings.state_dir / "metrics"
    metrics.mkdir()
    with worker(settings, QUEUES, PROMETHEUS_MULTIPROC_DIR=str(metrics)) as run:
        yield psutil.Process(run.pid)


def figures(settings: Settings, name: str, labels: str = "") -> dict[str, float]:
    """By task."""
    text = exposition(settings.state_dir / "metrics").decode()
    return {
        task: float(value) for found, all_of, task, value in SAMPLE.findall(text) if found == name and labels in all_of
    }


@pytest.mark.usefixtures("running")
def test_every_task_is_counted(celery: Services, settings: Settings) -> None:
    arguments = {
        "scoring.score_leads": ([1],),
        "rescoring.rescore": (1,),
        "learning.train_model": (1,),
        "outbound.write_back": ("standard", "webhook"),
        "outbound.fetch_back": ("standard",),
    }
    ours = sorted(name for name in app.tasks if not name.startswith("celery."))
    assert len(ours) >= 11
    for name in ours:
        app.tasks[name].apply_async(args=arguments.get(name, ()))
    eventually(lambda: sorted(figures(settings, "task_seconds_count")) == ours, within_s=60)
    assert figures(settings, "task_runs_total", 'again="no"') == dict.fromkeys(ours, 1)
    assert figures(settings, "task_wait_seconds_count") == dict.fromkeys(ours, 1)
    assert figures(settings, "task_failures_total") == {}


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("name", ["scoring.score_leads", "rescoring.rescore", "outbound.write_back"])
def test_one_that_raises_is_counted(celery: Services, settings: Settings, name: str) -> None:
    app.send_task(name, kwargs={"no": "such argument"})
    eventually(lambda: figures(settings, "task_failures_total") == {name: 1}, within_s=60)
    assert figures(settings, "task_seconds_count") == {name: 1}


def test_one_whose_process_is_killed_is_counted(celery: Services, settings: Settings, running: psutil.Process) -> None:
    ids = leads_saved(celery, 1)
    with held(celery, "scores"):
        deliver(task_calls.score_leads(ids))
        blocked(celery.engine)
        [child] = eventually(running.children)
        os.kill(child.pid, signal.SIGKILL)
        eventually(lambda: figures(settings, "task_failures_total") == {"scoring.score_leads": 1}, within_s=60)


def test_a_message_that_comes_again_is_counted_as_such(
    celery: Services, settings: Settings, request: pytest.FixtureRequest
) -> None:
    deliver(task_calls.score_leads([1]))
    message = orjson.loads(celery.redis.lindex("scoring", 0))  # type: ignore[arg-type]
    message["properties"]["delivery_info"]["redelivered"] = True  # as kombu marks what a dead worker had taken
    celery.redis.lset("scoring", 0, orjson.dumps(message).decode())
    request.getfixturevalue("running")
    eventually(lambda: figures(settings, "task_runs_total", 'again="yes"') == {"scoring.score_leads": 1}, within_s=60)
