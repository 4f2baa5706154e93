"""`service6 up` is killed while it starts, at one moment after the other; the next one comes up by itself."""

from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.chaos.faults import flush, go_on, stop
from tests.chaos.hurt import STARTED_S, Stack, scene
from tests.chaos.place import Place, answer
from tests.support.directories import directory
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

Moment = Callable[[Stack], bool]


def exists(path: str) -> Moment:
    return lambda stack: (stack.place.state_dir / path).exists()


def runs(*words: str) -> Moment:
    """A child with all of them in its command line."""

    def is_there(stack: Stack) -> bool:
        for child in psutil.Process(stack.shown.process.pid).children(recursive=True):
            try:
                if all(word in " ".join(child.cmdline()) for word in words):
                    return True
            except psutil.NoSuchProcess:
                continue
        return False

    return is_there


def listens(stack: Stack) -> bool:
    try:
        return answer(stack.place.port, "/health/live") == 200
    except OSError:
        return False


# In the order in which a first start comes by them.
MOMENTS: dict[str, Moment] = {
    "holds the directory": exists("lock"),
    "has made its secrets": exists("flower-password"),
    "initialises PostgreSQL": exists("postgres/data.unfinished"),
    "runs PostgreSQL": runs("bin/postgres"),
    "runs Valkey": runs("valkey-server"),
    "migrates": runs("db", "upgrade"),
    "runs the first program": runs("workers.api"),
    "runs the last program": runs("-Q learning"),
    "answers": listens,
}
QUICK = ("initialises PostgreSQL", "migrates", "runs the first program")


@pytest.fixture
def fresh() -> Iterator[Stack]:
    with directory() as path:
        made = Stack(Place(path / "state", free_port(), free_port()))
        try:
            yield made
        finally:
            made.stop()


def killed(stack: Stack, moment: str) -> None:
    stack.launch()
    eventually(lambda: MOMENTS[moment](stack), within_s=STARTED_S, every_s=0.005)
    stack.kill_supervisor()


def comes_up(stack: Stack) -> None:
    """And works, with all that a start makes."""
    stack.start()
    with scene(stack) as all_of_it:
        all_of_it.settle()
        assert all_of_it.verdict() == []


def test_killed_at_moments_of_its_first_start(fresh: Stack) -> None:
    for moment in QUICK:
        killed(fresh, moment)
    comes_up(fresh)


@pytest.mark.soak
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_one_moment(fresh: Stack, moment: str) -> None:
    killed(fresh, moment)
    comes_up(fresh)


@pytest.mark.soak
def test_killed_at_every_moment_of_one_directory(fresh: Stack) -> None:
    for moment in MOMENTS:
        killed(fresh, moment)
    comes_up(fresh)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["holds the directory", "runs PostgreSQL", "migrates", "answers"])
def test_killed_on_a_later_start(fresh: Stack, moment: str) -> None:
    """What exists already tells nothing then, so the first moments are the same one: at once."""
    comes_up(fresh)
    fresh.stop()
    killed(fresh, moment)
    fresh.start()


@pytest.mark.soak
@pytest.mark.parametrize("name", ["beat.dat", "beat.dir", "beat.bak"])
def test_a_damaged_schedule_does_not_end_upkeep(fresh: Stack, name: str) -> None:
    """As a full disk or a power cut leaves it. Messages that are lost come back only where beat ticks."""
    fresh.start()
    fresh.stop()
    (fresh.place.state_dir / name).write_bytes(b"")
    fresh.start()
    with scene(fresh) as all_of_it:
        stop("scoring", fresh)
        all_of_it.hurts_for(40)
        flush(fresh)
        go_on("scoring", fresh)
        all_of_it.settle()
        assert all_of_it.verdict() == []
    assert not any("beat ended" in line for line in fresh.shown.lines)
