"""Stores model versions, each for as long as a score names it."""

from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session


class ModelVersion(NamedTuple):
    id: int
    version: str
    engine: str
    artefact: dict[str, Any]


def ensure(db: Session, version: str, engine: str, artefact: object) -> int:
    """The id of this version, which is stored if it is new; any number of workers may call at once."""
    parameters = {"version": version, "engine": engine, "artefact": orjson.dumps(artefact).decode()}
    db.execute(ENSURE, parameters)
    return int(db.execute(FIND, parameters).scalar_one())


def load(db: Session, model_id: int) -> ModelVersion:
    return ModelVersion(*db.execute(LOAD, {"id": model_id}).one())


ENSURE = text("""
    INSERT INTO model_versions (version, engine, stage, artefact)
    VALUES (:version, :engine, 'standby', CAST(:artefact AS jsonb))
        ON CONFLICT (version) DO NOTHING
""")

FIND = text("SELECT id FROM model_versions WHERE version = :version")

LOAD = text("SELECT id, version, engine, artefact FROM model_versions WHERE id = :id")
