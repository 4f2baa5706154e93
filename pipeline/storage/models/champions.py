"""Stores which learned model is the champion; while there is none, the scorecard of the configuration scores.

`promotion_seq` orders the promotions: a reversal goes back to the promotion_seq before, and a second one further back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.errors import Conflict, GiveUp

MOST_LISTED = 500


class Listed(NamedTuple):
    version: str
    stage: str
    engine: str
    readiness: str
    roc_auc: float
    leads: int
    created_at: datetime
    promoted_at: datetime | None


class ModelStanding(NamedTuple):
    """`baseline` and `drift` are null where nothing is known of them."""

    id: int
    version: str
    engine: str
    stage: str
    created_at: datetime
    promoted_at: datetime | None
    promotion_seq: int | None
    card: dict[str, Any]
    baseline: dict[str, Any] | None
    drift: dict[str, Any] | None


class PromotedModel(NamedTuple):
    """The champion's row, and the transaction that wrote it last."""

    model_id: int
    by: str


class ChampionChange(NamedTuple):
    """The versions before and after a change; None is the scorecard."""

    before: str | None
    now: str | None


def add(db: Session, version: str, engine: str, artefact: object, card: object, baseline: object = None) -> None:
    """Adds a version as a candidate; one that exists already stays as it is."""
    documents = {"artefact": artefact, "card": card, "baseline": baseline}
    stored = {name: orjson.dumps(value).decode() for name, value in documents.items()}
    db.execute(ADD, {"version": version, "engine": engine, **stored})


def champion(db: Session) -> int | None:
    model_id: int | None = db.execute(CHAMPION).scalar_one_or_none()
    return model_id


def promoted(db: Session) -> PromotedModel | None:
    row = db.execute(WRITTEN).one_or_none()
    return PromotedModel(*row) if row else None


def in_charge(db: Session) -> ModelStanding | None:
    row = db.execute(IN_CHARGE).one_or_none()
    return ModelStanding(*row) if row else None


def listed(db: Session) -> list[Listed]:
    """Learned versions, the newest first, and the champion whatever its age."""
    return [Listed(*row) for row in db.execute(LISTED, {"limit": MOST_LISTED})]


def find(db: Session, version: str) -> ModelStanding:
    """Raises GiveUp if there is no learned model of that version."""
    row = db.execute(FIND, {"version": version}).one_or_none()
    if row is None:
        raise GiveUp(f"there is no learned model {version}; `service6 models list` shows which there are")
    return ModelStanding(*row)


def knows(db: Session, version: str) -> bool:
    return bool(db.execute(KNOWS, {"version": version}).scalar_one())


def earlier(db: Session, model_id: int) -> list[int]:
    """Ids of the champions before this one, the last one first."""
    return list(db.execute(EARLIER, {"id": model_id}).scalars())


def lock_table(db: Session) -> None:
    """Locks out other promotions and additions until the end of this transaction."""
    db.execute(LOCK_TABLE)


def promote(db: Session, version: str) -> ChampionChange:
    """Makes that version the champion; a promotion at the same moment waits."""
    lock_table(db)
    chosen = find(db, version)
    before = in_charge(db)
    if before is None or before.id != chosen.id:
        db.execute(RETIRE)
        db.execute(PROMOTE, {"id": chosen.id})
    return ChampionChange(before.version if before else None, version)


def revert(db: Session) -> ChampionChange:
    """Reinstates the previous champion. Raises Conflict if the scorecard is in charge."""
    lock_table(db)
    now = in_charge(db)
    if now is None:
        raise Conflict("no learned model is in charge; there is nothing to revert")
    db.execute(RETIRE)
    before = next(iter(earlier(db, now.id)), None)
    reinstated = None if before is None else db.execute(REINSTATE, {"id": before}).scalar_one()
    return ChampionChange(now.version, reinstated)


def note_drift(db: Session, model_id: int, drift: Mapping[str, object]) -> None:
    db.execute(NOTE_DRIFT, {"id": model_id, "drift": orjson.dumps(drift).decode()})


def stale(db: Session) -> int:
    """How many leads have a score of another version than the champion, or of any learned one if there is none."""
    return int(db.execute(STALE).scalar_one())


COLUMNS = "id, version, engine, stage, created_at, promoted_at, promotion_seq, card, baseline, drift"

ADD = text("""
    INSERT INTO model_versions (version, engine, stage, artefact, card, baseline)
    VALUES (:version, :engine, 'candidate', CAST(:artefact AS jsonb), CAST(:card AS jsonb),
            NULLIF(CAST(:baseline AS jsonb), 'null'))
        ON CONFLICT (version) DO NOTHING
""")

CHAMPION = text("SELECT id FROM model_versions WHERE stage = 'champion'")

WRITTEN = text("SELECT id, CAST(xmin AS text) FROM model_versions WHERE stage = 'champion'")

IN_CHARGE = text(f"SELECT {COLUMNS} FROM model_versions WHERE stage = 'champion'")  # noqa: S608

FIND = text(f"SELECT {COLUMNS} FROM model_versions WHERE version = :version AND stage <> 'standby'")  # noqa: S608

KNOWS = text("SELECT EXISTS (SELECT FROM model_versions WHERE version = :version AND stage <> 'standby')")

LISTED = text("""
    SELECT version, stage, engine, card ->> 'readiness', CAST(card #>> '{quality,roc_auc}' AS float8),
           CAST(card #>> '{trained_on,leads}' AS integer), created_at, promoted_at
      FROM model_versions
     WHERE stage = 'champion'
        OR id IN (SELECT id FROM model_versions WHERE stage <> 'standby' ORDER BY id DESC LIMIT :limit)
     ORDER BY id DESC
""")

EARLIER = text("""
    SELECT e.id FROM model_versions e JOIN model_versions m ON e.promotion_seq < m.promotion_seq
     WHERE m.id = :id
     ORDER BY e.promotion_seq DESC
""")

# Readers go on; a second promotion or a new version waits for the end of this transaction.
LOCK_TABLE = text("LOCK TABLE model_versions IN SHARE ROW EXCLUSIVE MODE")

RETIRE = text("UPDATE model_versions SET stage = 'retired' WHERE stage = 'champion'")

PROMOTE = text("""
    UPDATE model_versions
       SET stage = 'champion', promoted_at = clock_timestamp(),
           promotion_seq = (SELECT coalesce(max(promotion_seq), 0) + 1 FROM model_versions)
     WHERE id = :id
""")

REINSTATE = text("""
    UPDATE model_versions SET stage = 'champion', promoted_at = clock_timestamp() WHERE id = :id RETURNING version
""")

NOTE_DRIFT = text("UPDATE model_versions SET drift = CAST(:drift AS jsonb) WHERE id = :id")

STALE = text("""
    SELECT count(*) FROM scores
     WHERE CASE WHEN EXISTS (SELECT FROM model_versions WHERE stage = 'champion')
                THEN model_id <> (SELECT id FROM model_versions WHERE stage = 'champion')
                ELSE model_id IN (SELECT id FROM model_versions WHERE stage <> 'standby') END
""")
