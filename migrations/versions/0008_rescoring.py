"""Rescoring: runs, their slices, and the schedule's occurrences."""

from alembic import op

revision = "0008"
down_revision = "0007"

UPGRADE = """
CREATE TABLE rescore_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'running',
    reason text NOT NULL,
    actor text NOT NULL,
    filter jsonb NOT NULL,
    model_id integer NOT NULL,
    as_of timestamptz NOT NULL,
    rate integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    error text,
    leads bigint NOT NULL,
    slices_left integer NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    tiers_changed bigint NOT NULL DEFAULT 0,
    resumed_at timestamptz NOT NULL DEFAULT now(),
    done_before bigint NOT NULL DEFAULT 0,
    paced_until timestamptz NOT NULL DEFAULT now(),
    rev bigint NOT NULL DEFAULT 1
);
CREATE INDEX rescore_runs_active ON rescore_runs (id) WHERE state IN ('running', 'paused');
CREATE TABLE rescore_slices (
    run_id bigint NOT NULL REFERENCES rescore_runs (id),
    number integer NOT NULL,
    next_id bigint NOT NULL,
    last_id bigint NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    due timestamptz NOT NULL DEFAULT now(),
    lease text,
    attempts smallint NOT NULL DEFAULT 0,
    error text,
    PRIMARY KEY (run_id, number)
);
CREATE INDEX rescore_slices_left ON rescore_slices (run_id, number) WHERE state <> 'done';
-- A run leaves as many dead rows as it changes; waiting for a fifth of the table to be dead would double it.
ALTER TABLE scores SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE schedules (
    name text NOT NULL,
    due timestamptz NOT NULL,
    run_id bigint,
    PRIMARY KEY (name, due)
);
"""

DOWNGRADE = """
DROP TABLE schedules;
ALTER TABLE scores RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
DROP TABLE rescore_slices;
DROP TABLE rescore_runs;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
