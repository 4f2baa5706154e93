"""Outcomes as hints in a Redis stream with a consumer group, so that many outcomes request one training.

PostgreSQL counts them; what is lost here is only found later.
"""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from pipeline.redis_store.redis_client import translated

KEY = "service6:outcomes"
GROUP = "learning"
CONSUMER = "upkeep"  # shared by all workers: the next one reads again what one has not acknowledged
LENGTH = 10_000  # entries kept
NEW, UNACKNOWLEDGED = ">", "0"


class OutcomeStream:
    """The stream of outcomes. Every method may raise TryAgain."""

    def __init__(self, client: Redis) -> None:
        self._redis = client

    def append(self, keys: Sequence[str]) -> None:
        """Appends the key `lead:<id>` of each lead that has an outcome."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            for key in keys:
                pipe.xadd(KEY, {"key": key}, maxlen=LENGTH, approximate=True)
            pipe.execute()

    def read(self) -> list[bytes]:
        """Ids of unacknowledged entries: those that were read before, then the new ones."""
        with translated():
            self._ensure_group()
            return [*self._read(UNACKNOWLEDGED), *self._read(NEW)]

    def acknowledge(self, ids: Sequence[bytes]) -> None:
        with translated():
            self._redis.xack(KEY, GROUP, *ids)

    def _read(self, after: str) -> list[bytes]:
        reply: Any = self._redis.xreadgroup(GROUP, CONSUMER, {KEY: after}, count=LENGTH)
        # Redis answers in a list, or in a dictionary by its newer protocol.
        streams = reply.items() if isinstance(reply, dict) else reply or ()
        return [entry[0] for _, entries in streams for entry in entries]

    def _ensure_group(self) -> None:
        try:
            self._redis.xgroup_create(KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
