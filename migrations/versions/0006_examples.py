"""Early snapshots of leads, which models learn from."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = """
CREATE TABLE training_examples (
    lead_id bigint PRIMARY KEY,
    attributes jsonb NOT NULL,
    as_of timestamptz NOT NULL,
    imported boolean NOT NULL
)
"""

# How these leads were early is not known any more; without a row of their own they are not learned from.
MARK = """
UPDATE leads
   SET attribute_times = attribute_times || jsonb_build_object('$early', jsonb_build_array(
           (EXTRACT(epoch FROM active_at) * 1000000)::bigint, ''))
 WHERE revision > 1
   AND (outcome IS NOT NULL
        OR attribute_times -> '$stage' -> 0 <> attribute_times -> '*' -> 0
        OR COALESCE((attribute_times -> '*' -> 0)::bigint, 0) < EXTRACT(epoch FROM active_at) * 1000000 - 3600000000)
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(MARK)


def downgrade() -> None:
    op.execute("UPDATE leads SET attribute_times = attribute_times - '$early' WHERE attribute_times ? '$early'")
    op.execute("DROP TABLE training_examples")
