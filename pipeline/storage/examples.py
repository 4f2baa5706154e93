"""Leads whose outcome is known, to learn from."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas.example import Example
from schemas.lead import Outcome


def told_once(db: Session) -> list[Example]:
    """Leads that came with their outcome, as an import brings them; of others the attributes may be younger than it."""
    rows = db.execute(TOLD_ONCE)
    return [Example(lead_id, attributes, at, outcome == Outcome.WON) for lead_id, attributes, at, outcome in rows]


TOLD_ONCE = text("""
    SELECT id, attributes, active_at, outcome FROM leads WHERE outcome IS NOT NULL AND revision = 1 ORDER BY id
""")
