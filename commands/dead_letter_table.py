"""Dead letters as an operator reads and settles them in a terminal."""

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

BATCH = 500  # letters a transaction
ERROR_LIMIT = 60  # characters

Settle = Callable[[Session, Sequence[int]], list[DeadLetterResolution]]


def look(settings: Settings, limit: int) -> list[DeadLetter]:
    """The newest first."""
    with command_services(settings) as services, services.session() as db:
        return [dead_letter(letter) for letter in dead_letters.page(db, limit=limit)]


def replay(settings: Settings, ids: Sequence[int]) -> list[DeadLetterResolution]:
    """All there are if `ids` is empty. Raises GiveUp, and does nothing, if one of `ids` is not there."""
    from pipeline.services import settle_dead_letters

    def again(db: Session, batch: Sequence[int]) -> list[DeadLetterResolution]:
        return settle_dead_letters.replay(
            db,
            batch,
            actor=actor(),
            now=datetime.now(UTC),
            grace=timedelta(seconds=settings.upkeep.grace_s),
            message_leads=settings.intake.message_leads,
        )

    return _settle(settings, ids, again)


def discard(settings: Settings, ids: Sequence[int]) -> list[DeadLetterResolution]:
    """As `replay`."""
    from pipeline.services import settle_dead_letters

    return _settle(settings, ids, lambda db, batch: settle_dead_letters.discard(db, batch, actor=actor()))


def text(found: Sequence[DeadLetter]) -> str:
    if not found:
        return "no dead letters"
    lines = [f"{'id':>6}  {'died':<17}{'attempts':>8}  {'task':<20} {'what':<18} error"]
    for letter in found:
        what = " ".join(f"{name}={value}" for name, value in letter.arguments.items())
        error = letter.error.partition("\n")[0][:ERROR_LIMIT]
        died = f"{letter.last_at:%Y-%m-%d %H:%M}"
        lines.append(f"{letter.id:>6}  {died:<17}{letter.attempts:>8}  {letter.task:<20} {what:<18} {error}".rstrip())
    return printable_lines(
        [*lines, "", "`service6 dead-letters replay ID` tries again; `discard ID` gives up for good"]
    )


def summary(settlements: Sequence[DeadLetterResolution]) -> str:
    outcomes = [settlement.outcome for settlement in settlements]
    found = [f"{outcomes.count(outcome):,} {outcome}" for outcome in sorted({*outcomes})]
    return ", ".join(found) or "no dead letters"


def _settle(settings: Settings, ids: Sequence[int], settle: Settle) -> list[DeadLetterResolution]:
    with command_services(settings) as services:
        settlements: list[DeadLetterResolution] = []
        for batch in [sorted({*ids})] if ids else _batches(services):
            with services.session() as db:
                settled = settle(db, batch)
                missing = {*map(str, batch)} - {one.id for one in settled}
                if ids and missing:
                    raise GiveUp(f"there is no dead letter {min(missing, key=int)}; nothing was done")
            settlements += settled
        return settlements


def _batches(services: Services) -> Iterator[list[int]]:
    below = dead_letters.NEWEST
    while True:
        with services.reading() as db:
            ids = [letter.id for letter in dead_letters.page(db, below=below, limit=BATCH)]
        if not ids:
            return
        yield ids
        below = min(ids)
