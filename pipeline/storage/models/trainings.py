"""Stores requested trainings: at most one waits, and at most one runs, under a lease that its worker renews."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations.dead_letters import FailedWork
from schemas.training import Contest, TrainingOptions, TrainingReason, TrainingState

Row = dict[str, Any]


class RequestedTraining(NamedTuple):
    """A requested training. `joined`: one with these options was waiting already, and serves both requests."""

    id: int
    joined: bool


class ClaimedTraining(NamedTuple):
    """A training that a worker has claimed."""

    id: int
    wishes: TrainingOptions
    reason: TrainingReason


def request(db: Session, *, reason: TrainingReason, actor: str, wishes: TrainingOptions) -> RequestedTraining | None:
    """Requests a training. A person's request replaces one for outcomes or drift; None if another person's
    training waits with other options.
    """
    options = orjson.dumps(wishes.model_dump(mode="json")).decode()
    parameters = {"reason": reason, "actor": actor, "wishes": options, "asked": TrainingReason.ASKED}
    row = db.execute(REQUEST, parameters).one_or_none()
    return None if row is None else RequestedTraining(row.id, row.joined)


def claim(db: Session, training_id: int, *, lease: str, now: datetime, until: datetime) -> ClaimedTraining | None:
    """Claims the training; None if it is done, another worker has it, or another training runs."""
    parameters = {"id": training_id, "lease": lease, "now": now, "until": until}
    row = db.execute(CLAIM, parameters).one_or_none()
    return (
        None
        if row is None
        else ClaimedTraining(row.id, TrainingOptions.model_validate(row.wishes), TrainingReason(row.reason))
    )


def renew(db: Session, training_id: int, lease: str, until: datetime) -> bool:
    """Renews the lease; False if another worker has it by now."""
    return bool(db.execute(RENEW, {"id": training_id, "lease": lease, "until": until}).rowcount)  # type: ignore[attr-defined]


def complete(
    db: Session,
    training_id: int,
    lease: str,
    state: TrainingState,
    *,
    error: str | None = None,
    version: str | None = None,
    contest: Contest | None = None,
) -> bool:
    """Saves the end of a training; False if the lease is lost, and then nothing of it may be kept."""
    outcome = None if contest is None else contest.model_dump_json()
    parameters = {"id": training_id, "lease": lease, "state": state, "error": error, "version": version}
    return bool(db.execute(COMPLETE, {**parameters, "contest": outcome}).rowcount)  # type: ignore[attr-defined]


def reschedule(db: Session, training_id: int, lease: str, error: str, until: datetime) -> None:
    """Saves the error of a failed attempt, which may be repeated from `until` on."""
    db.execute(RESCHEDULE, {"id": training_id, "lease": lease, "error": error, "until": until})


def refund_attempt(db: Session, training_id: int, lease: str, now: datetime) -> None:
    """Gives the training back without counting the attempt, because its worker has to end."""
    db.execute(REFUND_ATTEMPT, {"id": training_id, "lease": lease, "now": now})


def due(db: Session, now: datetime) -> int | None:
    """The training to claim next: one whose worker is gone, or one that waits while none runs."""
    training_id: int | None = db.execute(DUE, {"now": now}).scalar_one_or_none()
    return training_id


def abandon_exhausted(db: Session, *, now: datetime, most: int) -> list[FailedWork]:
    """Marks as failed the trainings whose last attempt failed or ended silently, and returns them."""
    rows = db.execute(ABANDON_EXHAUSTED, {"now": now, "most": most})
    return [FailedWork({"training_id": row.id}, row.error, row.attempts, row.asked_at) for row in rows]


def reopen(db: Session, ids: list[int]) -> list[int]:
    """Lets the newest of these failed trainings wait again, unless one waits already; returns its id."""
    return list(db.execute(REOPEN, {"ids": ids}).scalars())


def open_by_state(db: Session) -> dict[str, int]:
    """How many trainings wait and how many run, at most one of each."""
    numbers = {str(row.state): int(row.number) for row in db.execute(OPEN)}
    return {state: numbers.get(state, 0) for state in (TrainingState.WAITING, TrainingState.RUNNING)}


def find(db: Session, training_id: int) -> Row | None:
    row = db.execute(FIND, {"id": training_id}).mappings().one_or_none()
    return dict(row) if row else None


def listed(db: Session, limit: int) -> list[Row]:
    """The trainings, the newest first."""
    return [dict(row) for row in db.execute(LISTED, {"limit": limit}).mappings()]


def training_of(db: Session, version: str) -> Row | None:
    """The first training that made this version."""
    row = db.execute(TRAINING_OF, {"version": version}).mappings().one_or_none()
    return dict(row) if row else None


def last_started(db: Session) -> datetime | None:
    """When the last training began, or was requested; it learns from what came before."""
    moment: datetime | None = db.execute(LAST_STARTED).scalar_one_or_none()
    return moment


COLUMNS = "id, state, reason, actor, wishes, asked_at, began_at, finished_at, attempts, error, version, contest"

REQUEST = text("""
    INSERT INTO trainings AS t (reason, actor, wishes) VALUES (:reason, :actor, CAST(:wishes AS jsonb))
        ON CONFLICT (state) WHERE state = 'waiting' DO UPDATE
       SET wishes = CASE WHEN excluded.reason = :asked THEN excluded.wishes ELSE t.wishes END,
           actor = CASE WHEN t.reason <> :asked THEN excluded.actor ELSE t.actor END,
           reason = CASE WHEN t.reason <> :asked THEN excluded.reason ELSE t.reason END
     WHERE t.reason <> :asked OR excluded.reason <> :asked OR t.wishes = excluded.wishes
    RETURNING id, (xmax <> 0) AS joined
""")

CLAIM = text("""
    UPDATE trainings
       SET state = 'running', lease = :lease, lease_until = :until, attempts = attempts + 1, began_at = :now,
           error = NULL
     WHERE id = :id AND (state = 'waiting' OR (state = 'running' AND lease_until <= :now))
       AND NOT EXISTS (SELECT FROM trainings WHERE state = 'running' AND id <> :id)
    RETURNING id, wishes, reason
""")

HELD = "id = :id AND state = 'running' AND lease = :lease"

RENEW = text(f"UPDATE trainings SET lease_until = :until WHERE {HELD}")  # noqa: S608

COMPLETE = text(f"""
    UPDATE trainings
       SET state = :state, error = :error, version = :version, contest = CAST(:contest AS jsonb), finished_at = now(),
           lease = NULL, lease_until = NULL
     WHERE {HELD}
""")  # noqa: S608

RESCHEDULE = text(f"UPDATE trainings SET error = :error, lease = NULL, lease_until = :until WHERE {HELD}")  # noqa: S608

REFUND_ATTEMPT = text(f"""
    UPDATE trainings SET attempts = attempts - 1, lease = NULL, lease_until = :now WHERE {HELD}
""")  # noqa: S608

DUE = text("""
    SELECT id FROM trainings
     WHERE (state = 'running' AND lease_until <= :now)
        OR (state = 'waiting' AND NOT EXISTS (SELECT FROM trainings WHERE state = 'running'))
     ORDER BY id LIMIT 1
""")

ABANDON_EXHAUSTED = text("""
    UPDATE trainings SET state = 'failed', finished_at = now(), lease = NULL, lease_until = NULL
     WHERE state = 'running' AND lease_until <= :now AND attempts >= :most
    RETURNING id, error, attempts, asked_at
""")

REOPEN = text("""
    UPDATE trainings SET state = 'waiting', attempts = 0, error = NULL, finished_at = NULL
     WHERE id = (SELECT max(id) FROM trainings WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'failed')
       AND NOT EXISTS (SELECT FROM trainings WHERE state = 'waiting')
    RETURNING id
""")

OPEN = text("SELECT state, count(*) AS number FROM trainings WHERE state IN ('waiting', 'running') GROUP BY state")

FIND = text(f"SELECT {COLUMNS} FROM trainings WHERE id = :id")  # noqa: S608

LISTED = text(f"SELECT {COLUMNS} FROM trainings ORDER BY id DESC LIMIT :limit")  # noqa: S608

TRAINING_OF = text(f"SELECT {COLUMNS} FROM trainings WHERE version = :version ORDER BY id LIMIT 1")  # noqa: S608

LAST_STARTED = text(
    "SELECT coalesce(began_at, asked_at) FROM trainings ORDER BY coalesce(began_at, asked_at) DESC LIMIT 1"
)
