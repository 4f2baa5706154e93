"""What every benchmark stands on: embedded servers of its own, a migrated database, and leads."""

import json
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import text

from pipeline.settings import loader
from pipeline.storage.platform import migrate
from pipeline.wiring import Services
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import worker

ROOT = Path(__file__).parent.parent


@contextmanager
def bench_services(postgres_options: Mapping[str, str] | None = None) -> Iterator[Services]:
    """Durable servers (fsync on), as `service6 up` starts them, on a state directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="service6-bench-", ignore_cleanup_errors=True) as name:
        state = Path(name)
        state.chmod(0o711)
        postgres = Postgres(state / "postgres", options=postgres_options)
        valkey = Valkey(state / "valkey")
        postgres.start()
        valkey.start()
        try:
            migrate.upgrade(postgres.url)
            urls = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
            (state / "servers.json").write_text(json.dumps(urls), encoding="utf-8")
            (state / "secret-key").write_text(secrets.token_urlsafe(32), encoding="utf-8")
            yield Services(loader.load(state))
        finally:
            valkey.stop()
            postgres.stop()


@contextmanager
def process(services: Services, *argv: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m …` beside the benchmark, stopped at the end."""
    variables = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "SERVICE6_STATE_DIR": str(services.settings.state_dir),
        **environment,
    }
    with subprocess.Popen([sys.executable, "-m", *argv], env=variables, cwd=ROOT) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)


def scoring_worker(services: Services, processes: int) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """As `service6 up` starts it."""
    _, _, *module = worker("scoring", processes)
    return process(services, *module)


def fill(services: Services, count: int, *, first: int = 1) -> list[int]:
    """Leads with 20 attributes each, of which the default scorecard knows 14; ids ascend."""
    with services.session() as db:
        db.execute(FILL, {"first": first, "last": first + count - 1})
        ids = list(db.execute(text("SELECT id FROM leads ORDER BY id")).scalars())
    with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE leads"))
    return ids


def forget_scores(services: Services) -> None:
    """All leads wait again, as if they had just arrived."""
    with services.session() as db:
        db.execute(text("TRUNCATE scores, score_history, feature_vectors, outbox, unscored"))
        db.execute(
            text("INSERT INTO unscored (lead_id, lead_revision, due) SELECT id, revision, 'infinity' FROM leads")
        )


def scored(services: Services) -> int:
    with services.session() as db:
        return int(db.execute(text("SELECT count(*) FROM scores")).scalar_one())


def bundles(ids: Sequence[int], size: int) -> list[list[int]]:
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]


FILL = text("""
    INSERT INTO leads (source, external_id, attributes, attribute_times, reading, stage, owner, active_at)
    SELECT 'bench', 'lead-' || n, jsonb_build_object(
               'budget', (random() * 600000)::int, 'timeline_days', (random() * 300)::int,
               'visits', (random() * 20)::int, 'time_on_site_s', (random() * 1500)::int,
               'email_opens', (random() * 8)::int, 'email_clicks', (random() * 4)::int,
               'meetings', (random() * 3)::int, 'company_size', (random() * 3000)::int,
               'lead_source', (ARRAY['referral', 'google', 'webinar', 'ads', 'cold call'])[1 + (random() * 4)::int],
               'seniority', (ARRAY['owner', 'vp', 'manager', 'student', 'engineer'])[1 + (random() * 4)::int],
               'occupation', (ARRAY['employed', 'student', 'other'])[1 + (random() * 2)::int],
               'financing', (ARRAY['cash', 'pending', 'none'])[1 + (random() * 2)::int],
               'unsubscribed', random() < 0.1, 'last_activity_at', now() - random() * interval '120 days',
               'city', 'Town ' || (random() * 500)::int, 'industry', 'Industry ' || (random() * 40)::int,
               'language', 'en', 'campaign', 'Campaign ' || (random() * 90)::int,
               'form', 'Form ' || (random() * 9)::int, 'bedrooms', (random() * 5)::int),
           '{"*": [1767225600000000, "bench"]}', 1, 'new', 'owner-' || n % 20, now() - random() * interval '120 days'
      FROM generate_series(:first, :last) AS n
""")
