"""Adds cards to model versions, and makes at most one of them the champion."""

from alembic import op

revision = "0005"
down_revision = "0004"

UPGRADE = """
ALTER TABLE model_versions ADD COLUMN card jsonb, ADD COLUMN promoted_at timestamptz;
UPDATE model_versions SET stage = 'standby' WHERE engine = 'scorecard';
CREATE UNIQUE INDEX model_versions_champion ON model_versions (stage) WHERE stage = 'champion';
"""

DOWNGRADE = """
DROP INDEX model_versions_champion;
UPDATE model_versions SET stage = 'champion' WHERE engine = 'scorecard';
ALTER TABLE model_versions DROP COLUMN card, DROP COLUMN promoted_at;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
