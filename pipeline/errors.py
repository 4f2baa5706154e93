"""What went wrong, told as what the caller can do about it."""


class Service6Error(Exception):
    """Every error that the project raises on purpose; its text is fit to show, and holds no lead's values."""


class TryAgain(Service6Error):
    """It may work later: a server is away, a queue is full."""

    def __init__(self, reason: str, *, after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Disturbed(TryAgain):
    """Another transaction was in the way; the same again may work at once."""


class ConnectionLost(TryAgain):
    """A connection ended in the middle; the same again, on a new one, may work at once."""


class GiveUp(Service6Error):
    """It will never work with this input."""


class NotFound(GiveUp):
    """There is no such thing, or the caller may not see it."""


class Conflict(GiveUp):
    """It does not fit how things are now."""


class Malformed(GiveUp):
    """The input is not what was agreed; `pointer` says where in it the fault is (JSON pointer)."""

    def __init__(self, reason: str, *, pointer: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


class Refused(Service6Error):
    """The caller may not have what it asks for."""


class Misconfigured(Service6Error):
    """A setting is missing or wrong; the text says which, and how to mend it."""
