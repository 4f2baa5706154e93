"""Dead letters as an operator reads and settles them in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.settings import Settings
from pipeline.storage import dead_letters
from pipeline.wiring import Services
from schemas.dead_letter import DeadLetter, Settlement
from tasks import app as tasks_app
from workers import letters
from workers.bundles import enqueue_bundles
from workers.desk.actor import actor
from workers.desk.errand import errand
from workers.letters import Replayed

BATCH = 500  # letters a transaction
ERROR_LIMIT = 60  # characters

Settle = Callable[[Services, Session, Sequence[int]], Replayed]


def look(settings: Settings, limit: int) -> list[DeadLetter]:
    """The newest first."""
    with errand(settings) as own, own.session() as db:
        return [letters.shown(letter) for letter in dead_letters.page(db, limit=limit)]


def replay(settings: Settings, ids: Sequence[int]) -> list[Settlement]:
    """All there are if `ids` is empty. Raises GiveUp, and does nothing, if one of `ids` is not there."""

    def again(own: Services, db: Session, batch: Sequence[int]) -> Replayed:
        grace = timedelta(seconds=own.settings.upkeep.grace_s)
        return letters.replay(db, batch, actor=actor(), now=datetime.now(UTC), grace=grace)

    tasks_app.connect(settings)
    return _settle(settings, ids, again)


def discard(settings: Settings, ids: Sequence[int]) -> list[Settlement]:
    """As `replay`."""

    def away(_: Services, db: Session, batch: Sequence[int]) -> Replayed:
        return Replayed(letters.discard(db, batch, actor=actor()), [])

    return _settle(settings, ids, away)


def text(found: Sequence[DeadLetter]) -> str:
    if not found:
        return "no dead letters"
    lines = [f"{'id':>6}  {'died':<17}{'attempts':>8}  {'task':<20} {'what':<18} error"]
    for letter in found:
        what = " ".join(f"{name}={value}" for name, value in letter.arguments.items())
        error = letter.error.partition("\n")[0][:ERROR_LIMIT]
        died = f"{letter.last_at:%Y-%m-%d %H:%M}"
        lines.append(f"{letter.id:>6}  {died:<17}{letter.attempts:>8}  {letter.task:<20} {what:<18} {error}".rstrip())
    return "\n".join([*lines, "", "`service6 dead-letters replay ID` tries again; `discard ID` gives up for good"])


def summary(settlements: Sequence[Settlement]) -> str:
    outcomes = [settlement.outcome for settlement in settlements]
    found = [f"{outcomes.count(outcome):,} {outcome}" for outcome in sorted({*outcomes})]
    return ", ".join(found) or "no dead letters"


def _settle(settings: Settings, ids: Sequence[int], settle: Settle) -> list[Settlement]:
    with errand(settings) as own:
        settlements: list[Settlement] = []
        for batch in [sorted({*ids})] if ids else _batches(own):
            with own.session() as db:
                settled = settle(own, db, batch)
                missing = {*map(str, batch)} - {one.id for one in settled.settlements}
                if ids and missing:
                    raise GiveUp(f"there is no dead letter {min(missing, key=int)}; nothing was done")
            enqueue_bundles(settled.lead_ids, settings.intake.message_leads)
            settlements += settled.settlements
        return settlements


def _batches(own: Services) -> Iterator[list[int]]:
    below = dead_letters.NEWEST
    while True:
        with own.reading() as db:
            ids = [letter.id for letter in dead_letters.page(db, below=below, limit=BATCH)]
        if not ids:
            return
        yield ids
        below = min(ids)
