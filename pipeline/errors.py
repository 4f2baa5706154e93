"""The errors of the project, named after what the caller can do about them."""


class Service6Error(Exception):
    """Base of every error that the project raises on purpose; its text may be shown, and holds no lead's values."""


class TryAgain(Service6Error):
    """It may work later: a server is away, a queue is full."""

    def __init__(self, reason: str, *, after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Disturbed(TryAgain):
    """Another transaction was in the way; a repeat may work at once."""


class ConnectionLost(TryAgain):
    """A connection ended in the middle; a repeat on a new one may work at once."""


class GiveUp(Service6Error):
    """It will never work with this input."""


class NotFound(GiveUp):
    """There is no such thing, or the caller may not see it."""


class Conflict(GiveUp):
    """The request does not fit the current state."""


class Malformed(GiveUp):
    """The input is not what was agreed; `pointer` says where in it the fault is (JSON pointer)."""

    def __init__(self, reason: str, *, pointer: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


class Refused(Service6Error):
    """The caller may not have what it asks for."""


class Misconfigured(Service6Error):
    """A setting is missing or wrong; the text says which, and how to correct it."""
