"""How fast a client may talk; every time is given, none is waited for."""

import pytest

from pipeline.settings.sections import RelaySettings
from workers.relay.message_rate import KEPT_USERS, Bucket, Pace, UserPaces

SETTINGS = RelaySettings.model_construct(
    messages_s=10,
    messages_burst=5,
    user_messages_s=20,
    user_messages_burst=8,
    user_replays_s=2,
    user_replays_burst=3,
    slow_after_s=10,
)


@pytest.mark.parametrize(("rate", "burst"), [(10, 5), (2, 60), (0.5, 1), (1000, 3)])
def test_what_a_bucket_lets_through_is_the_burst_and_then_the_rate(rate: float, burst: int) -> None:
    bucket = Bucket(rate, burst)
    waits = [bucket.reserve(100.0) for _ in range(burst + 10)]
    assert waits[:burst] == [0.0] * burst
    assert waits[burst:] == pytest.approx([(number + 1) / rate for number in range(10)])


def test_a_bucket_fills_again_and_never_beyond_its_burst() -> None:
    bucket = Bucket(rate=10, burst=5)
    for _ in range(5):
        bucket.reserve(0.0)
    assert not bucket.is_full(0.4)
    assert bucket.is_full(0.5)
    assert [bucket.reserve(1000.0) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_in_any_second_a_socket_that_waits_as_told_sends_no_more_than_rate_and_burst() -> None:
    pace = Pace(SETTINGS, UserPaces(SETTINGS).of("ann", 0.0))
    now, sent = 0.0, []
    while now < 9.0:
        now += pace.message_wait_s(now)
        sent.append(now)
    for at in sent:
        assert sum(at <= other < at + 1.0 for other in sent) <= 10 + 5 + 1


def test_the_sockets_of_a_user_share_a_budget_that_outlives_them() -> None:
    users = UserPaces(SETTINGS)
    waits = [Pace(SETTINGS, users.of("ann", 0.0)).message_wait_s(0.0) for _ in range(10)]
    assert waits[:8] == [0.0] * 8
    assert min(waits[8:]) > 0
    assert Pace(SETTINGS, users.of("bob", 0.0)).message_wait_s(0.0) == 0.0


def test_replays_have_a_budget_of_their_own_over_all_sockets() -> None:
    users = UserPaces(SETTINGS)
    waits = [Pace(SETTINGS, users.of("ann", 0.0)).replay_wait_s(0.0) for _ in range(5)]
    assert waits == pytest.approx([0.0, 0.0, 0.0, 0.5, 1.0])


def test_who_sends_too_fast_for_long_is_lost_and_who_stops_is_not() -> None:
    pace = Pace(SETTINGS, UserPaces(SETTINGS).of("ann", 0.0))
    now = 0.0
    while not pace.is_lost(now):
        now += pace.message_wait_s(now)
    assert 10.0 <= now < 11.0
    pace.message_wait_s(now + 60.0)
    assert not pace.is_lost(now + 60.0)


def test_a_burst_is_no_offence() -> None:
    pace = Pace(SETTINGS, UserPaces(SETTINGS).of("ann", 0.0))
    for hour in range(5):
        for _ in range(5):
            assert pace.message_wait_s(3600.0 * hour) == 0.0
        assert not pace.is_lost(3600.0 * hour)


def test_users_that_nothing_is_held_against_are_forgotten() -> None:
    users = UserPaces(SETTINGS)
    for number in range(KEPT_USERS):
        users.of(f"user{number}", 0.0).messages.reserve(0.0)
    busy = users.of("user7", 100.0)
    for _ in range(30):
        busy.messages.reserve(100.0)
    users.of("one more", 100.0)
    assert len(users._paces) == 2
    assert users.of("user7", 100.0) is busy
