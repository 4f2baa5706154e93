"""Adds values as they were told, which version of the reader read each lead, and what each source's values were so far.

Leads of before have version 0; `service6 db upgrade` and upkeep read them again, batch by batch (`reread_leads`).
"""

from alembic import op

revision = "0012"
down_revision = "0011"

UPGRADE = """
ALTER TABLE leads ADD COLUMN raw jsonb NOT NULL DEFAULT '{}', ADD COLUMN reading smallint NOT NULL DEFAULT 0;
CREATE INDEX leads_reading ON leads (id) WHERE reading < 1;
CREATE TABLE source_attributes (
    source text NOT NULL,
    attribute text NOT NULL,
    marks smallint NOT NULL DEFAULT 0,
    day_places smallint NOT NULL DEFAULT 0,
    ambiguous bigint NOT NULL DEFAULT 0,
    unreadable bigint NOT NULL DEFAULT 0,
    not_comparable bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (source, attribute)
);
"""
DOWNGRADE = """
DROP TABLE source_attributes;
DROP INDEX leads_reading;
ALTER TABLE leads DROP COLUMN reading, DROP COLUMN raw;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
