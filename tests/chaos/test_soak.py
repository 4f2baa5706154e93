"""Every fault by itself, then many at a time: minutes of each, so `make chaos` runs them and `make test` does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from random import Random
from signal import SIGCONT

import psutil
import pytest

from tests.chaos import database
from tests.chaos.faults import BY_NAME, FAULTS, Fault, kill_supervisor, stop, up_again
from tests.chaos.hurt import Scene, scene, stack

pytestmark = [pytest.mark.chaos, pytest.mark.soak, pytest.mark.timeout(900)]

STORM = 12
AT_ONCE_S = 5.0  # 16 to 20 where connections are tried one after the other
# A supervisor that is killed takes the others with it, so nothing else can be undone meanwhile.
ALONE = frozenset({"supervisor-killed"})


class Stage:
    """A scene that the tests share for as long as all is well with it."""

    def __init__(self) -> None:
        self.well = False
        self._scene: Scene | None = None
        self._open = ExitStack()

    def scene(self) -> Scene:
        if self._scene is None or not self.well:
            self.close()
            self._scene = self._open.enter_context(scene(self._open.enter_context(stack(writes_back=True))))
        else:
            self._scene.go_on()
        self.well = False
        return self._scene

    def close(self) -> None:
        self._scene = None
        self._open.close()

    def judged(self, hurt: Scene) -> list[str]:
        hurt.settle()
        found = hurt.verdict()
        self.well = not found
        return found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


@pytest.mark.parametrize("fault", [pytest.param(one, id=one.name) for one in FAULTS])
def test_one_fault(fault: Fault, stage: Stage) -> None:
    hurt = stage.scene()
    unanswered = hurt.crm.ledger.answers["none in time"]
    hurt.suffer(fault)
    hurt.flows()
    if not fault.silent:
        assert hurt.crm.ledger.answers["none in time"] == unanswered
    assert stage.judged(hurt) == []


def storm(seed: int) -> list[Fault]:
    """Faults in a row, of which no two neighbours are done to one server: a stopped one could not be asked for more."""
    chance = Random(seed)
    left = [one for one in FAULTS if one.name not in ALONE]
    found = [left.pop(chance.randrange(len(left)))]
    while len(found) < STORM:
        allowed = [one for one in left if one.server is None or one.server != found[-1].server]
        found.append(chance.choice(allowed))
        left.remove(found[-1])
    return found


@pytest.mark.parametrize("seed", range(6))
def test_faults_in_a_row_that_overlap(seed: int, stage: Stage) -> None:
    """Each begins before the one before it ends."""
    faults = storm(seed)
    hurt = stage.scene()
    faults[0].hurt(hurt.stack)
    for ending, beginning in pairwise(faults):
        beginning.hurt(hurt.stack)
        hurt.hurts_for(beginning.deliveries // 2)
        ending.heal(hurt.stack)
    faults[-1].heal(hurt.stack)
    hurt.flows()
    assert stage.judged(hurt) == []


@pytest.mark.parametrize("name", ["postgres-killed", "valkey-killed", "scoring-killed-with-children", "api-killed"])
def test_a_fault_again_and_again(name: str, stage: Stage) -> None:
    hurt = stage.scene()
    for _ in range(5):
        hurt.suffer(BY_NAME[name])
    hurt.flows()
    assert stage.judged(hurt) == []


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_up_after_its_supervisor_was_killed_while_a_server_was_stopped(server: str, stage: Stage) -> None:
    """A stopped process hears of its parent's death only when it goes on; the next `up` must not wait for that."""
    hurt = stage.scene()
    left = hurt.stack.family(server)
    stop(server, hurt.stack)
    kill_supervisor(hurt.stack)
    try:
        up_again(hurt.stack)
    finally:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(SIGCONT)
    hurt.flows()
    assert stage.judged(hurt) == []


def test_the_first_webhook_after_all_sessions_were_lost_is_scored_at_once(stage: Stage) -> None:
    """Nobody uses the connections when they are lost, so nobody has noticed."""
    hurt = stage.scene()
    assert stage.judged(hurt) == []
    BY_NAME["all-sessions-ended"].hurt(hurt.stack)
    hurt.crm.start()
    assert hurt.flows() < AT_ONCE_S
    assert stage.judged(hurt) == []


def test_the_supervisor_is_killed_again_and_again_and_the_data_stays(stage: Stage) -> None:
    hurt = stage.scene()
    for _ in range(3):
        assert stage.judged(hurt) == []
        before = database.digest(hurt.stack.place)
        kill_supervisor(hurt.stack)
        up_again(hurt.stack)
        assert database.digest(hurt.stack.place) == before
        hurt.go_on()
    assert stage.judged(hurt) == []
