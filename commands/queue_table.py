"""Waiting, running and owed work, as an operator reads it in a terminal."""

from dataclasses import asdict, dataclass
from typing import Any

import redis

from pipeline.errors import TryAgain
from pipeline.printable import printable_lines
from pipeline.redis_store import queue_depths
from pipeline.settings.loader import Settings
from pipeline.storage.operations import dead_letters
from pipeline.storage.outbound import outbound_work
from pipeline.storage.outbound.outbound_work import FETCH, OutboundBacklog
from pipeline.storage.scores import unscored
from tasks import queues
from workers.command_services import command_services


@dataclass(frozen=True)
class QueueState:
    """`waiting` and `running` in messages, of which one may stand for hundreds of leads.

    `oldest_s` is None where nothing waits, and where the next message does not say when it was enqueued.
    """

    name: str
    waiting: int
    running: int
    oldest_s: float | None


@dataclass(frozen=True)
class WorkState:
    """`owed` leads wait for a score, the oldest for `oldest_s`; `dead` failed for good. `outward` is owed to CRMs."""

    queues: tuple[QueueState, ...]
    owed: int
    oldest_s: float
    dead: int
    dead_letters: int
    outward: tuple[OutboundBacklog, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "outward": [backlog._asdict() for backlog in self.outward]}


def work_state(settings: Settings) -> WorkState:
    """Raises TryAgain if PostgreSQL or Redis is away."""
    with command_services(settings) as services:
        try:
            running = queue_depths.running_by_queue(services.redis)
            depths = queue_depths.depths(services.redis, queues.names())
        except redis.RedisError as error:
            raise TryAgain(f"Redis does not answer ({type(error).__name__})") from error
        with services.session() as db:
            owed = unscored.backlog(db)
            dead_letter_count = dead_letters.count(db)
            outward = outbound_work.backlog(db)
    return WorkState(
        queues=tuple(
            QueueState(depth.name, depth.waiting, running.get(depth.name, 0), depth.oldest_s) for depth in depths
        ),
        owed=owed.leads,
        oldest_s=round(owed.oldest_s, 1),
        dead=owed.dead,
        dead_letters=dead_letter_count,
        outward=tuple(outward),
    )


def text(work: WorkState) -> str:
    lines = [f"{'queue':<12}{'waiting':>9}{'running':>9}{'oldest':>10}"]
    lines += [f"{queue.name:<12}{queue.waiting:>9,}{queue.running:>9,}{_oldest(queue):>10}" for queue in work.queues]
    oldest = f", the oldest for {_age(work.oldest_s)}" if work.owed else ""
    lines += [
        "",
        f"{work.owed:,} leads wait for a score{oldest}",
        f"{work.dead:,} leads dead, {work.dead_letters:,} dead letters",
    ]
    for backlog in work.outward:
        lines.append(f"{_owed(backlog)}, the oldest for {_age(backlog.oldest_s)}; {backlog.dead:,} dead")
    return printable_lines(lines)


def _owed(backlog: OutboundBacklog) -> str:
    if backlog.target == FETCH:
        return f"{backlog.leads:,} records of {backlog.source} to be fetched"
    return f"{backlog.leads:,} scores of {backlog.source} owed to its {backlog.target}"


def _oldest(queue: QueueState) -> str:
    return "unknown" if queue.waiting and queue.oldest_s is None else _age(queue.oldest_s)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
