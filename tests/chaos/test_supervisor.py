"""The supervisor with small stand-in programs, each of which has a child of its own."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from tests.support.processes import ROOT, Terminal, all_gone, gone, terminal
from tests.support.waiting import eventually

pytestmark = pytest.mark.chaos

SUPERVISED = str(Path(__file__).with_name("supervised.py"))


def supervised(directory: Path, *names: str) -> AbstractContextManager[Terminal]:
    return terminal([sys.executable, SUPERVISED, str(directory), *names], {**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Terminal]:
    with supervised(tmp_path, "first", "second", "third") as shown:
        shown.shows("ready")
        yield shown


def programs(shown: Terminal) -> dict[str, int]:
    """The process ids of those that run, by name, once each has its child."""
    children = psutil.Process(shown.process.pid).children()
    assert all(child.children() for child in children)
    return {child.cmdline()[-2]: child.pid for child in children if not gone(child.pid)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_them_in_order(trio: Terminal, tmp_path: Path, number: int) -> None:
    eventually(lambda: len(programs(trio)) == 3)
    family = trio.family()
    assert len(family) == 7
    trio.process.send_signal(number)
    assert trio.process.wait(20) == 0
    assert (tmp_path / "stops").read_text(encoding="utf-8").split() == ["first", "second", "third"]
    eventually(lambda: all_gone(family))


def test_one_that_dies_is_started_again_and_the_screen_says_so(trio: Terminal) -> None:
    before = eventually(lambda: programs(trio))
    os.kill(before["second"], signal.SIGKILL)
    trio.shows("second was killed by SIGKILL; starting it again in 0.5 s")
    trio.shows("second runs again")
    after = eventually(lambda: programs(trio))
    assert after["second"] != before["second"]
    assert after == {**before, "second": after["second"]}


def test_one_that_dies_again_and_again_is_started_ever_more_seldom(trio: Terminal) -> None:
    seen: set[int] = set()
    for delay in ("0.5", "1", "2"):
        pid = eventually(lambda: {programs(trio).get("first", 0)} - {0} - seen).pop()
        seen.add(pid)
        died = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        trio.shows(f"first ended with status 0; starting it again in {delay} s")
    eventually(lambda: {programs(trio).get("first", 0)} - {0} - seen)
    assert time.monotonic() - died >= 2


def test_one_that_cannot_start_does_not_end_the_others(trio: Terminal, tmp_path: Path) -> None:
    before = eventually(lambda: programs(trio))
    log = tmp_path / "log"
    log.rename(tmp_path / "elsewhere")
    log.mkdir()
    os.kill(before["second"], signal.SIGKILL)
    trio.shows("second could not start")
    assert programs(trio).keys() == {"first", "third"}
    log.rmdir()
    trio.shows("second runs again")


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    with supervised(tmp_path, "one", "stubborn") as shown:
        shown.shows("ready")
        eventually(lambda: len(programs(shown)) == 2)
        family = shown.family()
        assert len(family) == 5
        shown.process.kill()
        eventually(lambda: all_gone(family))


def test_one_that_will_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    with supervised(tmp_path, "stubborn", "last") as shown:
        shown.shows("ready")
        eventually(lambda: len(programs(shown)) == 2)
        family = shown.family()
        asked = time.monotonic()
        shown.process.terminate()
        assert shown.process.wait(20) == 0
        assert 1 <= time.monotonic() - asked < 10
        assert (tmp_path / "stops").read_text(encoding="utf-8").split() == ["stubborn", "last"]
        eventually(lambda: all_gone(family))


def test_a_second_signal_kills(tmp_path: Path) -> None:
    names = [f"stubborn-{number}" for number in range(20)]
    with supervised(tmp_path, *names) as shown:
        shown.shows("ready")
        eventually(lambda: len(programs(shown)) == 20)
        family = shown.family()
        shown.process.send_signal(signal.SIGINT)
        shown.shows("stopping")
        shown.process.send_signal(signal.SIGINT)
        # One after the other they would have 20 s.
        assert shown.process.wait(10) == 0
        eventually(lambda: all_gone(family))
