"""Limits open sockets: in all, before authentication, and per user; and checks the origin of pages."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pipeline.settings.sections import RelaySettings


class ConnectionSlot:
    """The place of one socket; a stranger until it is authenticated. `leave` closes the socket."""

    def __init__(self, admission: "Admission", address: str) -> None:
        self._admission = admission
        self.address = address
        self.user: str | None = None
        self.is_sent_away = False
        self.leave: Callable[[], None] | None = None

    def identify(self, user: str) -> bool:
        """Counts the socket for its user; False if the user has too many."""
        return self._admission.identify(self, user)

    def send_away(self) -> None:
        """Closes the socket, or marks it to be closed as soon as it can be told."""
        self.is_sent_away = True
        if self.leave is not None:
            self.leave()


class Admission:
    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._sockets = 0
        self._strangers: dict[ConnectionSlot, None] = {}  # the oldest first
        self._per_user: Counter[str] = Counter()

    def make_room(self, *, stranger: bool) -> bool:
        """Whether another socket may come in, if necessary in place of a stranger."""
        crowded = stranger and len(self._strangers) >= self._settings.sockets_before_auth
        if not crowded and self._sockets < self._settings.sockets:
            return True
        return self._send_a_stranger_away()

    @contextmanager
    def occupy(self, address: str, *, stranger: bool) -> Iterator[ConnectionSlot]:
        """Counts one socket for as long as the context lasts, or until it is sent away."""
        slot = ConnectionSlot(self, address)
        self._sockets += 1
        if stranger:
            self._strangers[slot] = None
        try:
            yield slot
        finally:
            self._strangers.pop(slot, None)
            self._sockets -= not slot.is_sent_away
            if slot.user is not None:
                self._per_user -= Counter([slot.user])

    def identify(self, slot: ConnectionSlot, user: str) -> bool:
        if self._per_user[user] >= self._settings.sockets_per_user:
            return False
        slot.user = user
        self._strangers.pop(slot, None)
        self._per_user[user] += 1
        return True

    def _send_a_stranger_away(self) -> bool:
        """Closes the oldest stranger of the address with most of them, so that a flood crowds out itself first."""
        if not self._strangers:
            return False
        most, _ = Counter(slot.address for slot in self._strangers).most_common(1)[0]
        oldest = next(slot for slot in self._strangers if slot.address == most)
        del self._strangers[oldest]
        self._sockets -= 1
        oldest.send_away()
        return True


def origin_allowed(origin: str | None, host: str | None, listed: Collection[str]) -> bool:
    """Whether a page of this origin may connect: our own and the listed ones; clients other than browsers send none."""
    if origin is None or origin in listed:
        return True
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    own_host = (host or "").casefold()
    return own_host != "" and page.scheme in {"http", "https"} and page.netloc.casefold() == own_host
