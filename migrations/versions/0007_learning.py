"""Requested trainings, outcomes, and alarms."""

from alembic import op

revision = "0007"
down_revision = "0006"

UPGRADE = """
CREATE TABLE trainings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'waiting',
    reason text NOT NULL,
    actor text NOT NULL,
    wishes jsonb NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    began_at timestamptz,
    finished_at timestamptz,
    lease text,
    lease_until timestamptz,
    attempts smallint NOT NULL DEFAULT 0,
    error text,
    version text,
    contest jsonb
);
CREATE UNIQUE INDEX trainings_waiting ON trainings (state) WHERE state = 'waiting';
CREATE UNIQUE INDEX trainings_running ON trainings (state) WHERE state = 'running';
CREATE INDEX trainings_version ON trainings (version);

CREATE TABLE outcomes (
    lead_id bigint PRIMARY KEY,
    outcome text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    judged boolean NOT NULL DEFAULT false,
    model_id integer,
    score real
);
CREATE INDEX outcomes_unjudged ON outcomes (lead_id) WHERE NOT judged;
CREATE INDEX outcomes_received_at ON outcomes (received_at);
CREATE INDEX outcomes_model_id_at ON outcomes (model_id, at);

CREATE TABLE alarms (
    name text PRIMARY KEY,
    state text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    at timestamptz NOT NULL,
    rev bigint NOT NULL DEFAULT 1
);

-- `reign` orders promotions; `promoted_at` is when a version was put in charge last, by promotion or reversal.
ALTER TABLE model_versions
    ADD COLUMN reign integer,
    ADD COLUMN baseline jsonb,
    ADD COLUMN drift jsonb;
UPDATE model_versions m SET reign = r.reign
  FROM (SELECT id, row_number() OVER (ORDER BY promoted_at) AS reign
          FROM model_versions WHERE promoted_at IS NOT NULL) r
 WHERE m.id = r.id;
"""

DOWNGRADE = """
ALTER TABLE model_versions DROP COLUMN reign, DROP COLUMN baseline, DROP COLUMN drift;
DROP TABLE alarms;
DROP TABLE outcomes;
DROP TABLE trainings;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
