"""Renames tables, columns and queues to the names that the code uses."""

from alembic import op

revision = "0010"
down_revision = "0009"

UPGRADE = """
ALTER TABLE outreach RENAME TO outbound_work;
ALTER INDEX outreach_pkey RENAME TO outbound_work_pkey;
ALTER INDEX outreach_due RENAME TO outbound_work_due;
ALTER INDEX outreach_dead RENAME TO outbound_work_dead;
ALTER TABLE model_versions RENAME COLUMN reign TO promotion_seq;
UPDATE dead_letters SET queue = 'outbound', task = replace(task, 'outreach.', 'outbound.') WHERE queue = 'outreach';
"""
DOWNGRADE = """
UPDATE dead_letters SET queue = 'outreach', task = replace(task, 'outbound.', 'outreach.') WHERE queue = 'outbound';
ALTER TABLE model_versions RENAME COLUMN promotion_seq TO reign;
ALTER INDEX outbound_work_dead RENAME TO outreach_dead;
ALTER INDEX outbound_work_due RENAME TO outreach_due;
ALTER INDEX outbound_work_pkey RENAME TO outreach_pkey;
ALTER TABLE outbound_work RENAME TO outreach;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
