"""Dead letters as an operator lists, replays and discards them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from commands.actor import actor
from pipeline.errors import GiveUp
from pipeline.printable import printable_lines
from pipeline.settings.loader import Settings
from pipeline.storage.operations import dead_letters
from pipeline.wiring import Services
from schemas.dead_letter import DeadLetter, DeadLetterResolution
from workers.api.dead_letter_views import dead_letter
from workers.command_services import command_services

BATCH = 500  # dead letters a transaction
ERROR_LIMIT = 60  # characters

Settle = Callable[[Session, Sequence[int]], list[DeadLetterResolution]]


def list_dead_letters(settings: Settings, limit: int) -> list[DeadLetter]:
    """The newest first."""
    with command_services(settings) as services, services.session() as db:
        return [dead_letter(row) for row in dead_letters.page(db, limit=limit)]


def replay(settings: Settings, ids: Sequence[int]) -> list[DeadLetterResolution]:
    """Replay these, or all if `ids` is empty. Raises GiveUp, and changes nothing, if one does not exist."""
    from pipeline.services import settle_dead_letters

    def replay_batch(db: Session, batch: Sequence[int]) -> list[DeadLetterResolution]:
        return settle_dead_letters.replay(
            db,
            batch,
            actor=actor(),
            now=datetime.now(UTC),
            grace=timedelta(seconds=settings.upkeep.grace_s),
            message_leads=settings.intake.message_leads,
        )

    return _settle(settings, ids, replay_batch)


def discard(settings: Settings, ids: Sequence[int]) -> list[DeadLetterResolution]:
    """Discard them; `ids` as for `replay`."""
    from pipeline.services import settle_dead_letters

    return _settle(settings, ids, lambda db, batch: settle_dead_letters.discard(db, batch, actor=actor()))


def text(rows: Sequence[DeadLetter]) -> str:
    if not rows:
        return "no dead letters"
    lines = [f"{'id':>6}  {'failed':<17}{'attempts':>8}  {'task':<20} {'arguments':<18} error"]
    for row in rows:
        arguments = " ".join(f"{name}={value}" for name, value in row.arguments.items())
        error = row.error.partition("\n")[0][:ERROR_LIMIT]
        failed = f"{row.last_at:%Y-%m-%d %H:%M}"
        lines.append(f"{row.id:>6}  {failed:<17}{row.attempts:>8}  {row.task:<20} {arguments:<18} {error}".rstrip())
    return printable_lines(
        [*lines, "", "`service6 dead-letters replay ID` tries again; `discard ID` gives up for good"]
    )


def summary(settlements: Sequence[DeadLetterResolution]) -> str:
    outcomes = [settlement.outcome for settlement in settlements]
    counts = [f"{outcomes.count(outcome):,} {outcome}" for outcome in sorted({*outcomes})]
    return ", ".join(counts) or "no dead letters"


def _settle(settings: Settings, ids: Sequence[int], settle: Settle) -> list[DeadLetterResolution]:
    with command_services(settings) as services:
        settlements: list[DeadLetterResolution] = []
        for batch in [sorted({*ids})] if ids else _batches(services):
            with services.session() as db:
                settled = settle(db, batch)
                missing = {*map(str, batch)} - {settlement.id for settlement in settled}
                if ids and missing:
                    raise GiveUp(f"there is no dead letter {min(missing, key=int)}; nothing was done")
            settlements += settled
        return settlements


def _batches(services: Services) -> Iterator[list[int]]:
    below = dead_letters.NEWEST
    while True:
        with services.reading() as db:
            ids = [row.id for row in dead_letters.page(db, below=below, limit=BATCH)]
        if not ids:
            return
        yield ids
        below = min(ids)
