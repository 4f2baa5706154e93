"""How many sockets may be open: in all, before they say who they are, and per user; and from which pages."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pipeline.settings.sections import RelaySettings


class Admission:
    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._sockets = 0
        self._strangers = 0
        self._per_user: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        return self._sockets >= self._settings.sockets or self._strangers >= self._settings.sockets_before_auth

    @contextmanager
    def visit(self) -> "Iterator[ConnectionSlot]":
        """Counts one socket as long as the context lasts."""
        visit = ConnectionSlot(self)
        self._sockets += 1
        self._strangers += 1
        try:
            yield visit
        finally:
            self._sockets -= 1
            if visit.user is None:
                self._strangers -= 1
            else:
                self._per_user -= Counter([visit.user])

    def identify(self, visit: "ConnectionSlot", user: str) -> bool:
        if self._per_user[user] >= self._settings.sockets_per_user:
            return False
        visit.user = user
        self._strangers -= 1
        self._per_user[user] += 1
        return True


class ConnectionSlot:
    """One socket; `user` once it has said who it is."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.user: str | None = None

    def identify(self, user: str) -> bool:
        """False if that user has as many sockets as one may have."""
        return self._admission.identify(self, user)


def origin_allowed(origin: str | None, host: str | None, listed: Collection[str]) -> bool:
    """Our own pages and the listed ones; what is no browser sends no origin and needs none."""
    if origin is None or origin in listed:
        return True
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    services = (host or "").casefold()
    return services != "" and page.scheme in {"http", "https"} and page.netloc.casefold() == services
