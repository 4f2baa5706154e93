"""Raises and clears alarms, and announces each change in the same transaction."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations import outbox
from schemas.alarm import Alarm, AlarmName, AlarmState
from schemas.event import EventKind


def raise_alarm(db: Session, name: AlarmName, *, subject: str, detail: str, at: datetime) -> bool:
    """Raises the alarm; False if it is raised already for this subject."""
    return _change(db, name, AlarmState.RAISED, subject, detail, at)


def clear_alarm(db: Session, name: AlarmName, *, detail: str, at: datetime) -> bool:
    """Clears the alarm; False if it is not raised."""
    return _change(db, name, AlarmState.CLEARED, "", detail, at)


def raised(db: Session) -> list[Alarm]:
    return [Alarm.model_validate(dict(row)) for row in db.execute(RAISED).mappings()]


def _change(db: Session, name: AlarmName, state: AlarmState, subject: str, detail: str, at: datetime) -> bool:
    change = CLEAR if state is AlarmState.CLEARED else RAISE
    row = db.execute(change, {"name": name, "subject": subject, "detail": detail, "at": at}).mappings().one_or_none()
    if row is None:
        return False
    alarm = Alarm.model_validate(dict(row))
    outbox.append(db, EventKind.ALARM, f"alarm:{name}", alarm.rev, alarm.model_dump_json(), at)
    return True


COLUMNS = "name, state, subject, detail, at, rev"

RAISE = text(f"""
    INSERT INTO alarms AS a (name, state, subject, detail, at) VALUES (:name, 'raised', :subject, :detail, :at)
        ON CONFLICT (name) DO UPDATE
       SET state = 'raised', subject = excluded.subject, detail = excluded.detail, at = excluded.at, rev = a.rev + 1
     WHERE (a.state, a.subject) <> ('raised', excluded.subject)
    RETURNING {COLUMNS}
""")  # noqa: S608

CLEAR = text(f"""
    UPDATE alarms SET state = 'cleared', detail = :detail, at = :at, rev = rev + 1
     WHERE name = :name AND state = 'raised'
    RETURNING {COLUMNS}
""")  # noqa: S608

RAISED = text(f"SELECT {COLUMNS} FROM alarms WHERE state = 'raised' ORDER BY at DESC")  # noqa: S608
