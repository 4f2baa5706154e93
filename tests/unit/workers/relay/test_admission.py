"""From which pages a socket may come, and who makes room when there are too many."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pipeline.settings.sections import RelaySettings
from workers.relay.admission import Admission, ConnectionSlot, origin_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "crm.example", True),
        ("https://crm.example", "crm.example", True),
        ("http://crm.example:8000", "crm.example:8000", True),
        ("HTTP://CRM.example", "crm.EXAMPLE", True),
        ("https://listed.example", "crm.example", True),
        ("https://listed.example.evil.example", "crm.example", False),
        ("https://crm.example:444", "crm.example", False),
        ("https://evil.example", "crm.example", False),
        ("https://crm.example@evil.example", "crm.example", False),
        ("null", "crm.example", False),
        ("", "crm.example", False),
        ("http://[", "crm.example", False),
        ("file://", "", False),
        ("https://", None, False),
    ],
)
def test_own_and_listed_origins_alone(origin: str | None, host: str | None, allowed: bool) -> None:
    assert origin_allowed(origin, host, ["https://listed.example"]) is allowed


SETTINGS = RelaySettings.model_construct(sockets=6, sockets_before_auth=3, sockets_per_user=2)


class Hall:
    """Visits that last until the test ends, and the names of those that were sent away."""

    def __init__(self, stack: ExitStack) -> None:
        self.admission = Admission(SETTINGS)
        self.sent_away: list[str] = []
        self._stack = stack

    def enter(self, name: str, address: str = "a", *, stranger: bool = True) -> ConnectionSlot | None:
        if not self.admission.make_room(stranger=stranger):
            return None
        slot = self._stack.enter_context(self.admission.occupy(address, stranger=stranger))
        slot.leave = lambda: self.sent_away.append(name)
        return slot


@pytest.fixture
def hall() -> Iterator[Hall]:
    with ExitStack() as stack:
        yield Hall(stack)


def test_the_oldest_stranger_goes_first(hall: Hall) -> None:
    for name in ("one", "two", "three", "four", "five"):
        assert hall.enter(name)
    assert hall.sent_away == ["one", "two"]


def test_who_floods_crowds_out_itself_and_not_an_older_one_of_another_address(hall: Hall) -> None:
    hall.enter("page", "b")
    for number in range(20):
        hall.enter(f"flood {number}", "a")
    assert hall.sent_away == [f"flood {number}" for number in range(18)]


def test_who_has_said_who_it_is_makes_no_room(hall: Hall) -> None:
    first = hall.enter("one")
    assert first is not None
    assert first.identify("ann")
    for name in ("two", "three", "four", "five"):
        hall.enter(name)
    assert hall.sent_away == ["two"]


def test_when_all_are_known_nobody_makes_room(hall: Hall) -> None:
    for number in range(6):
        slot = hall.enter(f"{number}", stranger=False)
        assert slot is not None
        assert slot.identify(f"user {number}")
    assert hall.enter("known", stranger=False) is None
    assert hall.enter("stranger") is None
    assert hall.sent_away == []


def test_places_are_free_again_however_a_visit_ended() -> None:
    admission = Admission(SETTINGS)
    for _ in range(3):
        with ExitStack() as stack:
            hall = Hall(stack)
            hall.admission = admission
            visits = [hall.enter(f"{number}") for number in range(4)]
            assert visits[3] is not None
            assert visits[3].identify("ann")
            assert visits[0] is not None
            assert visits[0].identify("ann")  # its word came when it had been sent away already
        assert (admission._sockets, len(admission._strangers), +admission._per_user) == (0, 0, {})
