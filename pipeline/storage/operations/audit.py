"""The audit log: who did what, written in the transaction that does it and kept for ever."""

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session


def record(db: Session, *, actor: str, action: str, subject: str, detail: Mapping[str, object]) -> None:
    """Records an action. `subject` names its object as `kind:id`; `detail` is JSON without a lead's values."""
    db.execute(RECORD, {"actor": actor, "action": action, "subject": subject, "detail": orjson.dumps(detail).decode()})


def last(db: Session, actions: Sequence[str]) -> str | None:
    """The last of these actions that was recorded, or None."""
    action: str | None = db.execute(LAST, {"actions": list(actions)}).scalar_one_or_none()
    return action


RECORD = text("""
    INSERT INTO audit_log (actor, action, subject, detail) VALUES (:actor, :action, :subject, CAST(:detail AS jsonb))
""")

LAST = text("SELECT action FROM audit_log WHERE action = ANY(:actions) ORDER BY id DESC LIMIT 1")
