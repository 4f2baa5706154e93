"""Real processes count, die, and are merged; none of what they counted is lost, wherever a merger is killed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import metric_files
from workers.metrics_text import exposition

COUNTING = """
import sys
from pipeline.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.scored.labels("scorecard").inc()
    metrics.requeued.inc(2)
    metrics.task_seconds.labels("upkeep.sweep").observe(0.02)
metrics.model_drift.set(float(sys.argv[1]))
metrics.relay_sockets.labels("admin").inc()
if len(sys.argv) > 2:
    print("counted", flush=True)
    sys.stdin.read()
"""
MERGING = """
import sys
from pathlib import Path
from pipeline import metric_files
metric_files.merge_the_dead(Path(sys.argv[1]))
"""
# A merger that is killed there; `steps` as `_carry_out` does them.
KILLED = """
import json, os, sys
from collections import defaultdict
from pathlib import Path
from pipeline import metric_files
directory, killed = Path(sys.argv[1]), sys.argv[2]
dead = defaultdict(list)
for file in directory.glob("*.db"):
    name = metric_files.NAME.fullmatch(file.name)
    if name["kind"] in metric_files.SUMMED:
        dead[name["kind"]].append(file)
if killed == "before the plan":
    metric_files._write(directory / f"merging-counter-{metric_files.host()}.tmp", {"half": (1.0, 0.0)})
    os.kill(os.getpid(), 9)
plan = metric_files._plan(directory, dead)
steps = json.loads(plan.read_text())
moves = list(steps["renamed"].items())
if killed == "after the plan":
    os.kill(os.getpid(), 9)
for unfinished, merged in moves[: 1 if killed == "after one rename" else None]:
    (directory / unfinished).replace(directory / merged)
if killed == "after one removal":
    (directory / steps["merged"][0]).unlink()
os.kill(os.getpid(), 9)
"""


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}


def counted(directory: Path, times: int) -> None:
    subprocess.run([sys.executable, "-c", COUNTING, str(times)], env=environment(directory), check=True, timeout=60)


def figures(directory: Path) -> dict[str, float]:
    lines = exposition(directory).decode().splitlines()
    names = ("service6_scored_total", "service6_requeued_total", "service6_task_seconds_count", "service6_model_drift")
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)}


def expected(times: int, newest: int) -> dict[str, float]:
    return {
        'service6_scored_total{engine="scorecard"}': times,
        "service6_requeued_total": 2 * times,
        'service6_task_seconds_count{task="upkeep.sweep"}': times,
        "service6_model_drift": newest,
    }


def test_the_dead_become_one_file_a_kind_and_nothing_is_lost(tmp_path: Path) -> None:
    for times in (1, 2, 3, 4):
        counted(tmp_path, times)
    assert len(list(tmp_path.glob("counter_*.db"))) == 4
    metric_files.merge_the_dead(tmp_path)
    assert sorted(file.name.partition("_")[0] for file in tmp_path.glob("*.db")) == ["counter", "gauge", "histogram"]
    assert figures(tmp_path) == expected(10, 4)
    counted(tmp_path, 5)
    assert figures(tmp_path) == expected(15, 5)
    assert len(list(tmp_path.glob("*.db"))) == 3


def test_who_lives_keeps_a_file_and_goes_on_counting(tmp_path: Path) -> None:
    counted(tmp_path, 1)
    with subprocess.Popen(
        [sys.executable, "-c", COUNTING, "2", "stay"],
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == b"counted\n"
        assert figures(tmp_path) == expected(3, 2)
        assert (tmp_path / f"counter_{metric_files.host()}-{living.pid}.db").exists()
        assert b'service6_relay_sockets{role="admin"} 1.0' in exposition(tmp_path)
        living.communicate()
    assert figures(tmp_path) == expected(3, 2)
    assert b"relay_sockets{" not in exposition(tmp_path)


def test_another_hosts_dead_are_left_to_it(tmp_path: Path) -> None:
    counted(tmp_path, 1)
    [file] = tmp_path.glob("counter_*.db")
    file.rename(tmp_path / "counter_elsewhere-1.db")
    metric_files.merge_the_dead(tmp_path)
    assert (tmp_path / "counter_elsewhere-1.db").exists()
    assert figures(tmp_path) == expected(1, 1)


@pytest.mark.parametrize("where", ["before the plan", "after the plan", "after one rename", "after one removal"])
def test_a_merger_may_be_killed_anywhere(tmp_path: Path, where: str) -> None:
    for times in (1, 2, 3):
        counted(tmp_path, times)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), where], check=False, timeout=60)
    assert killed.returncode == -9
    counted(tmp_path, 4)  # whoever starts completes it
    assert figures(tmp_path) == expected(10, 4)
    assert len(list(tmp_path.glob("*.db"))) == 3


def test_two_mergers_and_a_scrape_at_once_count_nothing_twice(tmp_path: Path) -> None:
    for times in (1, 2, 3):
        counted(tmp_path, times)
    command = [sys.executable, "-c", MERGING, str(tmp_path)]
    with ThreadPoolExecutor(4) as threads:
        mergers = [threads.submit(subprocess.run, command, check=True, timeout=60) for _ in range(3)]
        while not all(merger.done() for merger in mergers):
            assert figures(tmp_path) == expected(6, 3)
        for merger in mergers:
            merger.result()
    assert figures(tmp_path) == expected(6, 3)


def test_a_file_that_was_made_this_moment_harms_no_scrape(tmp_path: Path) -> None:
    counted(tmp_path, 1)
    (tmp_path / f"counter_{metric_files.host()}-{os.getpid()}.db").touch()  # its length is not written yet
    (tmp_path / f"counter_{metric_files.host()}-4194305.db").touch()  # and that of one that died so; no id is as high
    assert figures(tmp_path) == expected(1, 1)
