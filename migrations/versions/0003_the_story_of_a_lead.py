"""The timeline of a lead, the terms behind each score, and an index of leads by the start of their id."""

from alembic import op

revision = "0003"
down_revision = "0002"

UPGRADE = """
CREATE TABLE timeline (
    lead_id bigint NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    told jsonb NOT NULL
);
CREATE INDEX timeline_lead_id_received_at ON timeline (lead_id, received_at);
CREATE INDEX timeline_received_at ON timeline USING brin (received_at);
ALTER TABLE score_history ADD COLUMN bins bytea;
CREATE INDEX leads_external_id ON leads (lower(external_id) text_pattern_ops);
"""

DOWNGRADE = """
DROP INDEX leads_external_id;
ALTER TABLE score_history DROP COLUMN bins;
DROP TABLE timeline;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
