"""Scores owed to CRMs."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLE = """
CREATE TABLE write_backs (
    lead_id bigint NOT NULL,
    target text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    rev bigint NOT NULL,
    score real NOT NULL,
    tier char(1) NOT NULL,
    body text,
    due timestamptz,
    since timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    dead boolean NOT NULL DEFAULT false,
    error text,
    lease text,
    told_score real,
    told_tier char(1),
    PRIMARY KEY (lead_id, target)
);
CREATE INDEX write_backs_due ON write_backs (source, target, due) WHERE due IS NOT NULL;
CREATE INDEX write_backs_dead ON write_backs (source, target) WHERE dead;
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE write_backs")
