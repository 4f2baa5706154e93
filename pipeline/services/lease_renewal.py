"""A lease that is renewed as long as its holder works."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.errors import TryAgain

RENEWALS = 4  # in the time of one lease, so that three may fail

logger = logging.getLogger(__name__)


@contextmanager
def renewed(renew: Callable[[], bool], lease_s: float) -> Iterator[None]:
    """Calls `renew` from a thread of its own, until the context ends or it says that the lease is somebody else's."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(lease_s / RENEWALS):
            try:
                if not renew():
                    return  # what its holder wants to save will be refused
            except TryAgain as error:
                logger.warning("a lease could not be renewed: %s", error)

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
