"""Scores to write back to CRMs, and records to fetch from them."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLE = """
CREATE TABLE outreach (
    lead_id bigint NOT NULL,
    target text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    rev bigint NOT NULL,
    score real,
    tier char(1),
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
CREATE INDEX outreach_due ON outreach (source, target, due) WHERE due IS NOT NULL;
CREATE INDEX outreach_dead ON outreach (source, target) WHERE dead;
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE outreach")
