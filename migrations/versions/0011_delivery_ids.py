"""Replaces delivery ids that are e-mail addresses or telephone numbers by the pseudonyms that intake gives them.

`migrate.upgrade` passes in the function that makes the pseudonyms, because it needs a key.
"""

from collections.abc import Callable
from typing import Any

import orjson
from alembic import context, op
from sqlalchemy import Connection, text

from pipeline.errors import Misconfigured

revision = "0011"
down_revision = "0010"

Hide = Callable[[str], str]

BATCH = 1000
# Everything that may be personal, and more: digits with something between them, or an @. `hide` decides.
SUSPECT = r"@|\+\d|\d[ ()./-]+\d| \d{10}"

DELIVERIES = text("""
    SELECT source, delivery_id, received_at FROM deliveries
     WHERE (source, delivery_id) > (:source, :id) AND delivery_id ~ :suspect
     ORDER BY source, delivery_id LIMIT :batch
""")
ADD = text("""
    INSERT INTO deliveries (source, delivery_id, received_at) VALUES (:source, :hidden, :received_at)
        ON CONFLICT DO NOTHING
""")
DROP = text("DELETE FROM deliveries WHERE source = :source AND delivery_id = :id")
LEADS = text("""
    SELECT id, attribute_times FROM leads
     WHERE id > :id AND attribute_times::text ~ :suspect
     ORDER BY id LIMIT :batch FOR UPDATE
""")
STAMP = text("UPDATE leads SET attribute_times = CAST(:times AS jsonb) WHERE id = :id")


def upgrade() -> None:
    db = op.get_bind()
    hide: Hide | None = context.config.attributes.get("hide")
    if hide is None:
        _require_nothing(db)  # as where nothing was ever received, and there is no key
    else:
        _hide_deliveries(db, hide)
        _hide_stamps(db, hide)


def downgrade() -> None:
    """Changes nothing: a pseudonym cannot be undone, and an older version treats it as any other id."""


def _require_nothing(db: Connection) -> None:
    if db.execute(text("SELECT 1 FROM deliveries WHERE delivery_id ~ '@' LIMIT 1")).first():
        raise Misconfigured("delivery ids hold e-mail addresses; set SERVICE6_SECRET_KEY, with which they are hashed")


def _hide_deliveries(db: Connection, hide: Hide) -> None:
    source, last = "", ""
    while rows := db.execute(DELIVERIES, {"source": source, "id": last, "suspect": SUSPECT, "batch": BATCH}).all():
        source, last = rows[-1].source, rows[-1].delivery_id
        changed = [
            {"source": row.source, "id": row.delivery_id, "hidden": hidden, "received_at": row.received_at}
            for row in rows
            if (hidden := hide(row.delivery_id)) != row.delivery_id
        ]
        if changed:
            db.execute(ADD, changed)
            db.execute(DROP, changed)


def _hide_stamps(db: Connection, hide: Hide) -> None:
    last = 0
    while rows := db.execute(LEADS, {"id": last, "suspect": SUSPECT, "batch": BATCH}).all():
        last = rows[-1].id
        changed = [
            {"id": row.id, "times": orjson.dumps(hidden).decode()}
            for row in rows
            if (hidden := _hidden(row.attribute_times, hide)) != row.attribute_times
        ]
        if changed:
            db.execute(STAMP, changed)


def _hidden(times: dict[str, Any], hide: Hide) -> dict[str, Any]:
    return {name: [at, hide(delivery_id)] for name, (at, delivery_id) in times.items()}
