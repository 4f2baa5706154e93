"""Limits how fast clients may send: each socket, and each user on all sockets together."""

import math

from pipeline.settings.sections import RelaySettings

KEPT_USERS = 1000  # beyond this many, users with a full budget are dropped


class Bucket:
    """A token bucket: `rate` tokens a second, `burst` at most. Times are of a monotonic clock, in seconds."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = -math.inf

    def reserve(self, now: float) -> float:
        """Takes one token, if necessary in advance; returns in how many seconds it is available."""
        self._left = self._at_hand(now) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)

    def is_full(self, now: float) -> bool:
        return self._at_hand(now) >= self._burst

    def _at_hand(self, now: float) -> float:
        return min(self._burst, self._left + (now - self._at) * self._rate)


class UserPace:
    """The budgets that all sockets of a user share."""

    def __init__(self, settings: RelaySettings) -> None:
        self.messages = Bucket(settings.user_messages_s, settings.user_messages_burst)
        self.replays = Bucket(settings.user_replays_s, settings.user_replays_burst)

    def is_fresh(self, now: float) -> bool:
        return self.messages.is_full(now) and self.replays.is_full(now)


class UserPaces:
    """The budgets by user; they outlive sockets, or a new socket would get a new budget."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._paces: dict[str, UserPace] = {}
        self._look_at = KEPT_USERS

    def of(self, user: str, now: float) -> UserPace:
        if user not in self._paces and len(self._paces) >= self._look_at:
            self._paces = {name: pace for name, pace in self._paces.items() if not pace.is_fresh(now)}
            self._look_at = max(KEPT_USERS, 2 * len(self._paces))
        return self._paces.setdefault(user, UserPace(self._settings))


class Pace:
    """The pace of one socket: a message that comes too soon waits, and a client that never slows down is closed."""

    def __init__(self, settings: RelaySettings, user: UserPace) -> None:
        self._messages = Bucket(settings.messages_s, settings.messages_burst)
        self._user = user
        self._tolerance_s = settings.slow_after_s
        self._too_fast_since: float | None = None

    def message_wait_s(self, now: float) -> float:
        """How long the message that has just come must wait."""
        wait_s = max(self._messages.reserve(now), self._user.messages.reserve(now))
        if wait_s == 0.0:
            self._too_fast_since = None
        elif self._too_fast_since is None:
            self._too_fast_since = now
        return wait_s

    def replay_wait_s(self, now: float) -> float:
        """How long a subscription or a watch message, which are expensive to answer, must wait."""
        return self._user.replays.reserve(now)

    def is_lost(self, now: float) -> bool:
        """Whether it has sent too fast for so long that it will not stop by itself."""
        return self._too_fast_since is not None and now - self._too_fast_since >= self._tolerance_s
