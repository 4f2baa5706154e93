"""The tables as SQLAlchemy Core sees them. Migrations are the truth; `alembic check` compares the two."""

from sqlalchemy import (
    CHAR,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _count(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


leads = Table(
    "leads",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
    # per name the (microseconds since 1970, delivery id) that wrote it; stage, owner and outcome as $stage, …; $early
    # is what ended the lead's early time, after which `attributes` are no longer learned from
    Column("attribute_times", JSONB, nullable=False),
    # values as they were told, where reading changed them; and the version of the reader that read this lead
    Column("raw", JSONB, nullable=False, server_default="{}"),
    Column("reading", SmallInteger, nullable=False, server_default="0"),
    Column("stage", Text),
    Column("owner", Text),
    Column("outcome", Text),
    _moment("outcome_at", nullable=True),
    _moment("active_at"),
    _now("received_at"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    UniqueConstraint("source", "external_id"),
    postgresql_with={"fillfactor": "85"},
)
# Those that an older version read; empty once they were read again. A change of `reading` alone moves a lead out of it.
Index("leads_reading", leads.c.id, postgresql_where=leads.c.reading < 1)
# For searches by the beginning of an id. The id never changes, so updates stay HOT.
Index(
    "leads_external_id",
    func.lower(leads.c.external_id).label("folded"),
    postgresql_ops={"folded": "text_pattern_ops"},
)

# Leads that wait for a score, in a table of their own: a flag or a partial index on leads would end their HOT updates.
source_attributes = Table(
    "source_attributes",
    metadata,
    Column("source", Text, primary_key=True),
    Column("attribute", Text, primary_key=True),
    # bits: 1 for a decimal dot and 2 for a comma; 1 for the day first and 2 for the month
    Column("marks", SmallInteger, nullable=False, server_default="0"),
    Column("day_places", SmallInteger, nullable=False, server_default="0"),
    # values that could be read in two ways, not at all, or in a currency without a rate
    _count("ambiguous"),
    _count("unreadable"),
    _count("not_comparable"),
)

unscored = Table(
    "unscored",
    metadata,
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    # the lead's revision that waits: saving a score deletes the row only if it is still this one
    Column("lead_revision", BigInteger, nullable=False),
    _now("since"),
    _now("due"),  # when upkeep may enqueue it (again)
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("dead", Boolean, nullable=False, server_default=text("false")),
    Column("error", Text),
    Index(None, "due"),
)

# Scores to write back to CRMs, and records to fetch; a row stays, with what its target was sent.
outbound_work = Table(
    "outbound_work",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("score", REAL),
    Column("tier", CHAR(1)),
    Column("body", Text),
    _moment("due", nullable=True),  # when it may be sent (again); null if nothing is owed
    _moment("since"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("dead", Boolean, nullable=False, server_default=text("false")),
    Column("error", Text),
    Column("lease", Text),
    Column("told_score", REAL),
    Column("told_tier", CHAR(1)),
    PrimaryKeyConstraint("lead_id", "target"),
    Index("outbound_work_due", "source", "target", "due", postgresql_where=text("due IS NOT NULL")),
    Index("outbound_work_dead", "source", "target", postgresql_where=text("dead")),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("source", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    _now("received_at"),
    PrimaryKeyConstraint("source", "delivery_id"),
    Index(None, "received_at", postgresql_using="brin"),
)

# Early snapshots of leads that changed late; models learn from the other leads as `leads` has them.
training_examples = Table(
    "training_examples",
    metadata,
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attributes", JSONB, nullable=False),
    _moment("as_of"),
    Column("imported", Boolean, nullable=False),  # it came with its outcome
)

# What each delivery added, for people to read.
timeline = Table(
    "timeline",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    _moment("at"),
    _now("received_at"),
    Column("told", JSONB, nullable=False),
    Index(None, "lead_id", "received_at"),
    Index(None, "received_at", postgresql_using="brin"),
)

lead_contacts = Table(
    "lead_contacts",
    metadata,
    Column("lead_id", BigInteger, ForeignKey(leads.c.id), primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("email_index", LargeBinary),
    Column("phone_index", LargeBinary),
    Index(None, "email_index"),
    Index(None, "phone_index"),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("version", Text, nullable=False, unique=True),
    Column("engine", Text, nullable=False),
    Column("stage", Text, nullable=False),  # candidate, champion or retired; a scorecard is on standby for ever
    Column("artefact", JSONB, nullable=False),
    _now("created_at"),
    Column("card", JSONB),
    _moment("promoted_at", nullable=True),  # when it was put in charge last, by promotion or reversal
    Column("promotion_seq", Integer),  # orders the promotions; a reversal goes back to the one before
    Column("baseline", JSONB),  # how the leads that it learned from are spread, to tell drift by
    Column("drift", JSONB),
)
# At most one champion, whoever promotes.
Index("model_versions_champion", model_versions.c.stage, unique=True, postgresql_where=text("stage = 'champion'"))

# Requested trainings. At most one waits, and at most one runs.
trainings = Table(
    "trainings",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("wishes", JSONB, nullable=False),
    _now("asked_at"),
    _moment("began_at", nullable=True),
    _moment("finished_at", nullable=True),
    Column("lease", Text),
    _moment("lease_until", nullable=True),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("error", Text),
    Column("version", Text),
    Column("contest", JSONB),
    Index(None, "version"),
)
for _state in ("waiting", "running"):
    Index(f"trainings_{_state}", trainings.c.state, unique=True, postgresql_where=text(f"state = '{_state}'"))

# Outcomes, each with the score that the lead had when it came.
outcomes = Table(
    "outcomes",
    metadata,
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", Text, nullable=False),
    _moment("at"),
    _moment("received_at"),
    Column("judged", Boolean, nullable=False, server_default=text("false")),
    Column("model_id", Integer),  # null where no score stood
    Column("score", REAL),
    Column("lead_revision", BigInteger),  # that the outcome came with; null where it was judged before this was kept
    Index("outcomes_unjudged", "lead_id", postgresql_where=text("NOT judged")),
    Index(None, "received_at"),
    Index(None, "model_id", "at"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    _moment("at"),
    Column("rev", BigInteger, nullable=False, server_default="1"),
)

scores = Table(
    "scores",
    metadata,
    # No foreign key: scores are only ever made of rows of leads, and the check cost 5 % of saving one.
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    Column("score", REAL, nullable=False),
    Column("previous_score", REAL),
    Column("confidence", REAL, nullable=False),
    Column("tier", CHAR(1), nullable=False),
    Column("factors", LargeBinary, nullable=False),
    Column("model_id", Integer, nullable=False),
    Column("lead_revision", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False, server_default="1"),
    Column("owner", Text),  # as announced: who sees the lead is decided by this, so that lists and feed agree
    Column("previous_owner", Text),
    _now("updated_at"),
    # Room for HOT updates; so no index on a column that changes with a score.
    postgresql_with={"fillfactor": "70"},
)

score_history = Table(
    "score_history",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("score", REAL, nullable=False),
    Column("confidence", REAL, nullable=False),
    Column("tier", CHAR(1), nullable=False),
    Column("model_id", Integer, nullable=False),
    Column("lead_revision", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    _now("at"),
    Column(
        "bins", LargeBinary
    ),  # of each feature, as the scorer packs them; what moved a score follows from two of them
    Index(None, "lead_id", "rev"),
    postgresql_partition_by="RANGE (at)",
)

feature_vectors = Table(
    "feature_vectors",
    metadata,
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    Column("feature_set", Integer, nullable=False),
    Column("lead_revision", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    postgresql_with={"fillfactor": "80"},
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("rev", BigInteger, nullable=False),
    _now("at"),
    Column("previous_score", REAL),
    Column("owner", Text),
    Column("previous_owner", Text),
    Column("body", Text, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("queue", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    _moment("first_at"),
    _moment("last_at"),
)

# Who replayed, discarded or promoted what. Never changed, never pruned.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _now("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),  # a digest of what was asked with this key
    Column("answer", JSONB),
    _now("at"),
    PrimaryKeyConstraint("actor", "key"),
    Index(None, "at", postgresql_using="brin"),
)

rescore_runs = Table(
    "rescore_runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("state", Text, nullable=False, server_default="running"),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("filter", JSONB, nullable=False),
    Column("model_id", Integer, nullable=False),
    _moment("as_of"),
    Column("rate", Integer),
    _now("created_at"),
    _now("updated_at"),
    _moment("finished_at", nullable=True),
    Column("error", Text),
    Column("leads", BigInteger, nullable=False),
    Column("slices_left", Integer, nullable=False),
    _count("done"),
    _count("changed"),
    _count("tiers_changed"),
    # Since when, and after how many leads, its speed is measured: a pause is no slowness.
    _now("resumed_at"),
    _count("done_before"),
    _now("paced_until"),
    Column("rev", BigInteger, nullable=False, server_default="1"),
)
Index("rescore_runs_active", rescore_runs.c.id, postgresql_where=text("state IN ('running', 'paused')"))

rescore_slices = Table(
    "rescore_slices",
    metadata,
    Column("run_id", BigInteger, ForeignKey(rescore_runs.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("next_id", BigInteger, nullable=False),  # leads below are done
    Column("last_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),  # done, failed
    _now("due"),  # when anybody may take it: until then whoever holds the lease works on it
    Column("lease", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),  # since it went forward last
    Column("error", Text),
    PrimaryKeyConstraint("run_id", "number"),
    Index("rescore_slices_left", "run_id", "number", postgresql_where=text("state <> 'done'")),
)

# Occurrences of schedules: the second to insert one finds it there.
schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, nullable=False),
    _moment("due"),
    Column("run_id", BigInteger),
    PrimaryKeyConstraint("name", "due"),
)
