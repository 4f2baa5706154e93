"""Which learned model is in charge. While none is, the scorecard of the configuration is."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp


class Standing(NamedTuple):
    id: int
    version: str
    engine: str
    stage: str
    created_at: datetime
    promoted_at: datetime | None
    card: dict[str, Any] | None


def add(db: Session, version: str, engine: str, artefact: object, card: object) -> None:
    """As a candidate; a version that is known already stays what it is."""
    stored = {"artefact": orjson.dumps(artefact).decode(), "card": orjson.dumps(card).decode()}
    db.execute(ADD, {"version": version, "engine": engine, **stored})


def champion(db: Session) -> int | None:
    found: int | None = db.execute(CHAMPION).scalar_one_or_none()
    return found


def listed(db: Session) -> list[Standing]:
    """Learned versions, the newest first."""
    return [Standing(*row) for row in db.execute(LISTED)]


def find(db: Session, version: str) -> Standing:
    """Raises GiveUp if there is no learned model of that version."""
    found = next((one for one in listed(db) if one.version == version), None)
    if found is None:
        raise GiveUp(f"there is no learned model {version}; `service6 models list` shows which there are")
    return found


def promote(db: Session, version: str) -> str | None:
    """Puts that version in charge; returns the one that was. Whoever promotes at the same moment waits."""
    db.execute(ALONE)
    chosen = find(db, version)
    before = next((one for one in listed(db) if one.stage == "champion"), None)
    if before is not None and before.id == chosen.id:
        return before.version
    db.execute(RETIRE)
    db.execute(PROMOTE, {"id": chosen.id})
    return before.version if before else None


def revert(db: Session) -> tuple[str, str | None]:
    """Puts back what was in charge before; returns the version that was, and the one that is (None: the scorecard)."""
    db.execute(ALONE)
    versions = listed(db)
    now = next((one for one in versions if one.stage == "champion"), None)
    if now is None or now.promoted_at is None:
        raise GiveUp("no learned model is in charge; there is nothing to revert")
    earlier = [
        (one.promoted_at, one) for one in versions if one.promoted_at is not None and one.promoted_at < now.promoted_at
    ]
    db.execute(RETIRE)
    if not earlier:
        return now.version, None
    _, before = max(earlier)
    db.execute(REINSTATE, {"id": before.id})
    return now.version, before.version


ADD = text("""
    INSERT INTO model_versions (version, engine, stage, artefact, card)
    VALUES (:version, :engine, 'candidate', CAST(:artefact AS jsonb), CAST(:card AS jsonb))
        ON CONFLICT (version) DO NOTHING
""")

CHAMPION = text("SELECT id FROM model_versions WHERE stage = 'champion'")

LISTED = text("""
    SELECT id, version, engine, stage, created_at, promoted_at, card FROM model_versions
     WHERE stage <> 'standby' ORDER BY id DESC
""")

# Readers go on; a second promotion or a new version waits for the end of this transaction.
ALONE = text("LOCK TABLE model_versions IN SHARE ROW EXCLUSIVE MODE")

RETIRE = text("UPDATE model_versions SET stage = 'retired' WHERE stage = 'champion'")

PROMOTE = text("UPDATE model_versions SET stage = 'champion', promoted_at = clock_timestamp() WHERE id = :id")

REINSTATE = text("UPDATE model_versions SET stage = 'champion' WHERE id = :id")
