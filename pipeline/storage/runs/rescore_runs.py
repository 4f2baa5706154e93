"""Stores rescoring runs: which leads, by which model, and the progress."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations import outbox
from pipeline.storage.runs.lead_selection import selection
from schemas.event import EventKind
from schemas.run import LeadFilter, Run, RunState


class RunSpec(NamedTuple):
    """What a worker must know about a run."""

    model_id: int
    as_of: datetime
    filter: LeadFilter
    rate: int | None
    paced_until: datetime


def count(db: Session, where: LeadFilter, model_id: int) -> int:
    chosen = selection(where, model_id)
    return int(_driver(db, f"SELECT count(*) FROM {chosen.tables} WHERE {chosen.conditions}", chosen.values))  # noqa: S608


def lock_table(db: Session) -> None:
    """Locks out other openings of runs until the end of this transaction."""
    db.execute(LOCK_OPENING, {"lock": OPENING_LOCK})


def open_run(
    db: Session,
    where: LeadFilter,
    *,
    model_id: int,
    as_of: datetime,
    rate: int | None,
    leads: int,
    slice_ids: int,
    reason: str,
    actor: str,
) -> Run:
    """Opens a run with slices of `slice_ids` ids that have a score; a run without slices is done at once."""
    parameters = {
        "filter": where.model_dump_json(),
        "model_id": model_id,
        "as_of": as_of,
        "rate": rate,
        "leads": leads,
        "size": slice_ids,
        "reason": reason,
        "actor": actor,
    }
    return run_of(db.execute(FIND, {"id": db.execute(OPEN, parameters).scalar_one()}).one())


def active(db: Session) -> list[Run]:
    """The runs that run or are paused, the oldest first."""
    return [run_of(row) for row in db.execute(ACTIVE)]


def page(db: Session, limit: int) -> list[Run]:
    """The runs, the newest first."""
    return [run_of(row) for row in db.execute(PAGE, {"limit": limit})]


def find(db: Session, run_id: int) -> Run | None:
    row = db.execute(FIND, {"id": run_id}).one_or_none()
    return None if row is None else run_of(row)


def run_spec(db: Session, run_id: int) -> RunSpec | None:
    row = db.execute(RUN_SPEC, {"id": run_id}).one_or_none()
    return None if row is None else RunSpec(**{**row._mapping, "filter": LeadFilter.model_validate(row.filter)})


def change_state(db: Session, run_id: int, state: RunState, before: Sequence[RunState]) -> Run | None:
    """Changes the state of a run; None if it was in none of the states `before`."""
    parameters = {"id": run_id, "state": state, "before": list(before)}
    row = db.execute(CHANGE_STATE, parameters).one_or_none()
    return None if row is None else run_of(row)


def retry(db: Session, run_id: int) -> Run | None:
    """Continues a failed run with all its attempts; None if it has not failed."""
    db.execute(REOPEN_SLICES, {"id": run_id})
    return change_state(db, run_id, RunState.RUNNING, [RunState.FAILED])


def prune(db: Session, before: datetime) -> None:
    """Deletes the slices of runs that were done or cancelled before then; the runs stay."""
    db.execute(PRUNE_SLICES, {"before": before})


def live_work_waits(db: Session) -> bool:
    return bool(db.execute(LIVE_WORK_WAITS).scalar_one())


def announce(db: Session, run: Run, leads: dict[str, Any] | None = None) -> None:
    """Announces the progress of a run, with the packed leads that its last step changed."""
    body = {"run": run.model_dump(mode="json"), **({} if leads is None else {"leads": leads})}
    kind = EventKind.RUN if leads is None else EventKind.SLICE
    outbox.append(db, kind, f"run:{run.id}", run.rev, orjson.dumps(body).decode())


def run_of(row: Any) -> Run:
    (run_id, state, reason, actor, where, version, as_of, rate, created, finished, error, leads, *rest) = row
    done, changed, tiers_changed, rate_now, rev = rest
    remaining = max(0, leads - done)
    return Run(
        id=str(run_id),
        state=state,
        reason=reason,
        actor=actor,
        filter=LeadFilter.model_validate(where),
        model_version=version,
        as_of=as_of,
        rate=rate,
        created_at=created,
        finished_at=finished,
        error=error,
        leads_total=leads,
        leads_done=done,
        leads_changed=changed,
        tiers_changed=tiers_changed,
        leads_per_second=None if not rate_now else round(rate_now, 1),
        seconds_left=round(remaining / rate_now, 1) if rate_now and state == RunState.RUNNING else None,
        rev=rev,
    )


def _driver(db: Session, statement: str, values: dict[str, Any]) -> Any:
    return db.connection().exec_driver_sql(statement, values).scalar_one()


OPENING_LOCK = 6_100_002  # any number that nothing else locks

COLUMNS = """
    r.id, r.state, r.reason, r.actor, r.filter, (SELECT version FROM model_versions m WHERE m.id = r.model_id), r.as_of,
    r.rate, r.created_at, r.finished_at, r.error, r.leads, r.done, r.changed, r.tiers_changed,
    (r.done - r.done_before) / NULLIF(EXTRACT(epoch FROM r.updated_at - r.resumed_at), 0)::float8, r.rev
"""

LOCK_OPENING = text("SELECT pg_advisory_xact_lock(:lock)")

OPEN = text("""
    WITH ids AS (SELECT min(lead_id) AS first, max(lead_id) AS last FROM scores),
         parts AS (SELECT first + n * :size AS next_id, LEAST(first + (n + 1) * :size - 1, last) AS last_id, n
                     FROM ids, generate_series(0, CASE WHEN :leads = 0 THEN -1 ELSE (last - first) / :size END) AS n),
         run AS (INSERT INTO rescore_runs (state, reason, actor, filter, model_id, as_of, rate, leads, slices_left,
                                           finished_at)
                 SELECT CASE WHEN count(*) = 0 THEN 'done' ELSE 'running' END, :reason, :actor, CAST(:filter AS jsonb),
                        :model_id, :as_of, :rate, :leads, count(*), CASE WHEN count(*) = 0 THEN now() END
                   FROM parts
                 RETURNING id),
         slices AS (INSERT INTO rescore_slices (run_id, number, next_id, last_id)
                    SELECT run.id, n, next_id, last_id FROM parts, run)
    SELECT id FROM run
""")

ACTIVE = text(f"SELECT {COLUMNS} FROM rescore_runs r WHERE state IN ('running', 'paused') ORDER BY id")  # noqa: S608

PAGE = text(f"SELECT {COLUMNS} FROM rescore_runs r ORDER BY id DESC LIMIT :limit")  # noqa: S608

FIND = text(f"SELECT {COLUMNS} FROM rescore_runs r WHERE id = :id")  # noqa: S608

RUN_SPEC = text("SELECT model_id, as_of, filter, rate, paced_until FROM rescore_runs WHERE id = :id")

CHANGE_STATE = text(f"""
    UPDATE rescore_runs r
       SET state = :state, rev = r.rev + 1, updated_at = clock_timestamp(), resumed_at = clock_timestamp(),
           done_before = r.done, finished_at = CASE WHEN :state = 'cancelled' THEN clock_timestamp() END
     WHERE id = :id AND state = ANY(CAST(:before AS text[]))
    RETURNING {COLUMNS}
""")  # noqa: S608

REOPEN_SLICES = text("""
    UPDATE rescore_slices SET state = 'waiting', attempts = 0, due = now(), lease = NULL
     WHERE run_id = :id AND state <> 'done'
       AND EXISTS (SELECT FROM rescore_runs WHERE id = :id AND state = 'failed' FOR UPDATE)
""")

PRUNE_SLICES = text("""
    DELETE FROM rescore_slices s USING rescore_runs r
     WHERE r.id = s.run_id AND r.finished_at < :before AND r.state IN ('done', 'cancelled')
""")

LIVE_WORK_WAITS = text("SELECT EXISTS (SELECT FROM unscored WHERE NOT dead)")
