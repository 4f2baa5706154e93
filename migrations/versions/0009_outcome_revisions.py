"""Adds the lead revision that brought each outcome: the outcome is compared with a score of an earlier one."""

from alembic import op

revision = "0009"
down_revision = "0008"

UPGRADE = """
ALTER TABLE outcomes ADD COLUMN lead_revision bigint;
UPDATE outcomes o SET lead_revision = l.revision FROM leads l WHERE l.id = o.lead_id AND NOT o.judged;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("ALTER TABLE outcomes DROP COLUMN lead_revision")
