"""Leads, the work owed on them, their scores, and the outbox that announces changes."""

from datetime import date

from alembic import op
from sqlalchemy import text

from pipeline.storage.scores.partitions import ensure_months

revision = "0001"
down_revision = None

MONTHS = 5  # last month, this one, three ahead

TABLES = """
CREATE TABLE leads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    attributes jsonb NOT NULL,
    attribute_times jsonb NOT NULL,
    stage text,
    owner text,
    outcome text,
    outcome_at timestamptz,
    active_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 1,
    UNIQUE (source, external_id)
) WITH (fillfactor = 85);

CREATE TABLE unscored (
    lead_id bigint PRIMARY KEY,
    lead_revision bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    due timestamptz NOT NULL DEFAULT now(),
    attempts smallint NOT NULL DEFAULT 0,
    dead boolean NOT NULL DEFAULT false,
    error text
);
CREATE INDEX unscored_due ON unscored (due);

CREATE TABLE deliveries (
    source text NOT NULL,
    delivery_id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, delivery_id)
);
CREATE INDEX deliveries_received_at ON deliveries USING brin (received_at);

CREATE TABLE lead_contacts (
    lead_id bigint PRIMARY KEY REFERENCES leads (id),
    sealed bytea NOT NULL,
    email_index bytea,
    phone_index bytea
);
CREATE INDEX lead_contacts_email_index ON lead_contacts (email_index);
CREATE INDEX lead_contacts_phone_index ON lead_contacts (phone_index);

CREATE TABLE model_versions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL UNIQUE,
    engine text NOT NULL,
    stage text NOT NULL,
    artefact jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE scores (
    lead_id bigint PRIMARY KEY,
    score real NOT NULL,
    previous_score real,
    confidence real NOT NULL,
    tier char(1) NOT NULL,
    factors bytea NOT NULL,
    model_id integer NOT NULL,
    lead_revision bigint NOT NULL,
    rev bigint NOT NULL DEFAULT 1,
    owner text,
    previous_owner text,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

CREATE TABLE score_history (
    lead_id bigint NOT NULL,
    score real NOT NULL,
    confidence real NOT NULL,
    tier char(1) NOT NULL,
    model_id integer NOT NULL,
    lead_revision bigint NOT NULL,
    rev bigint NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (at);
CREATE INDEX score_history_lead_id_rev ON score_history (lead_id, rev);
CREATE TABLE score_history_default PARTITION OF score_history DEFAULT;

CREATE TABLE feature_vectors (
    lead_id bigint PRIMARY KEY,
    feature_set integer NOT NULL,
    lead_revision bigint NOT NULL,
    -- Floats do not compress, and are read a million at a time.
    vector bytea STORAGE PLAIN NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    rev bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    previous_score real,
    owner text,
    previous_owner text,
    body text NOT NULL
);

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    task text NOT NULL,
    arguments jsonb NOT NULL,
    error text NOT NULL,
    attempts smallint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    connection = op.get_bind()
    last_month = text("SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date")
    first: date = connection.execute(last_month).scalar_one()
    ensure_months(connection, first, MONTHS)


def downgrade() -> None:
    op.execute(
        "DROP TABLE dead_letters, outbox, feature_vectors, score_history, scores, model_versions,"
        " lead_contacts, deliveries, unscored, leads"
    )
