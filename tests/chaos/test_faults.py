"""One stack under load is hurt by one fault after the other; in the end nothing is lost, doubled or left behind."""

from collections.abc import Iterator

import pytest

from tests.chaos import database
from tests.chaos.faults import FAULTS, Fault, kill_supervisor, up_again
from tests.chaos.hurt import Scene, Stack, scene, stack

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture(scope="module")
def hurt(running: Stack) -> Iterator[Scene]:
    with scene(running) as made:
        yield made


@pytest.mark.parametrize("fault", [pytest.param(one, id=one.name) for one in FAULTS if one.quick])
def test_changes_flow_again_after(fault: Fault, hurt: Scene) -> None:
    hurt.suffer(fault)
    hurt.flows()


def test_nothing_is_lost_doubled_or_left(hurt: Scene) -> None:
    hurt.settle()
    assert hurt.verdict() == []


def test_all_is_there_after_a_kill_of_the_supervisor_and_another_up(hurt: Scene, running: Stack) -> None:
    before = database.digest(running.place)
    kill_supervisor(running)
    up_again(running)
    assert database.digest(running.place) == before
    hurt.go_on()
    hurt.settle()
    assert hurt.verdict() == []
