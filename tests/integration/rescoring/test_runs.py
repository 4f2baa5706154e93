"""Runs from beginning to end, by real workers: shared, paused, failed, scheduled, told."""

import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta

import psutil
import pytest
from freezegun import freeze_time

from pipeline import task_calls
from pipeline.errors import Conflict, Malformed
from pipeline.services import run_actions, start_run
from pipeline.services.rescore_slice import SliceJob, claim, run_spec
from pipeline.services.rescorer import Rescorer
from pipeline.settings.sections import ScheduleSettings
from pipeline.storage.operations import schedules
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.run import LeadFilter, Run, RunRequest, RunState
from tasks.app import deliver
from tasks.rescoring import rescore
from tasks.upkeep import keep_runs
from tests.integration.rescoring.conftest import Begin, expected, leads_with_scores, narrow
from tests.integration.rows import aside, blocked, execute, rows, told, value
from tests.integration.rows import save as save_leads
from tests.support.runs import dispatch
from tests.support.serving import log_of, worker
from tests.support.waiting import eventually

SAVED = "SELECT lead_id, score, tier FROM scores ORDER BY lead_id"
ENDED_S = 60.0


def state(services: Services, run: Run) -> Run:
    with services.reading() as db:
        found = rescore_runs.find(db, int(run.id))
    assert found
    return found


def ended(services: Services, run: Run, within_s: float = ENDED_S) -> Run:
    def look() -> Run | None:
        now = state(services, run)
        return now if now.state not in (RunState.RUNNING, RunState.PAUSED) else None

    return eventually(look, within_s=within_s)


def saved_scores(services: Services) -> dict[int, tuple[float, str]]:
    return {row["lead_id"]: (round(row["score"], 1), row["tier"]) for row in rows(services, SAVED)}


def steer(services: Services, run: Run, deed: str) -> Run:
    with services.session() as db:
        window = services.settings.rescoring.window
        return run_actions.apply_action(db, int(run.id), deed, "test", window=window)  # type: ignore[arg-type]


def test_four_workers_share_a_run_and_killing_them_only_delays_it(celery: Services, begin: Begin) -> None:
    ids = leads_with_scores(celery, 2000)
    run = begin(slice_ids=25)
    environment = {"SERVICE6_RESCORING__LEASE_S": "1", "SERVICE6_RESCORING__STEP_IDS": "5"}
    with ExitStack() as workers:
        names = ("one", "two", "three", "four")
        started = [
            workers.enter_context(worker(celery.settings, "rescoring", name=name, **environment)) for name in names
        ]
        dispatch(celery, int(run.id))
        for one in started[:2]:
            before = state(celery, run).leads_done
            eventually(lambda before=before: state(celery, run).leads_done > before, within_s=ENDED_S)
            for child in psutil.Process(one.pid).children(recursive=True):
                child.kill()
            os.killpg(one.pid, signal.SIGKILL)

        def kept() -> bool:
            keep_runs()
            return state(celery, run).state != RunState.RUNNING

        eventually(kept, within_s=ENDED_S, every_s=0.5)
    done = state(celery, run)
    assert (done.state, done.leads_done, done.error) == (RunState.DONE, len(ids), None)
    assert saved_scores(celery) == expected(celery, ids, done.as_of)
    assert value(celery, "SELECT count(*) FROM score_history") == len(ids)
    assert value(celery, "SELECT count(*) - count(DISTINCT (lead_id, rev)) FROM score_history") == 0


def test_a_paused_run_waits_and_a_resumed_one_goes_on(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 60)
    run = begin(slice_ids=5, rate=5)
    with worker(celery.settings, "rescoring"):
        dispatch(celery, int(run.id))
        eventually(lambda: state(celery, run).leads_done, within_s=ENDED_S)
        paused = steer(celery, run, "pause")
        assert paused.state == RunState.PAUSED
        eventually(lambda: not celery.redis.llen("rescoring") and not celery.redis.hlen("unacked"), within_s=ENDED_S)
        assert state(celery, run).leads_done < 60
        keep_runs()
        assert not celery.redis.llen("rescoring")
        assert claim(celery, int(run.id)) is None
        execute(celery, "UPDATE rescore_runs SET rate = NULL")
        steer(celery, run, "resume")
        assert ended(celery, run).leads_done == 60


def test_four_workers_divide_a_run(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 1200)
    run = begin(slice_ids=5)
    with ExitStack() as workers:
        for name in ("one", "two", "three", "four"):
            workers.enter_context(worker(celery.settings, "rescoring", name=name))
            eventually(
                lambda name=name: "ready." in log_of(celery.settings, name).read_text(encoding="utf-8"),
                within_s=ENDED_S,
            )
        dispatch(celery, int(run.id))
        assert ended(celery, run).state == RunState.DONE
    shares = "SELECT split_part(lease, ':', 2) AS worker, count(*) AS slices FROM rescore_slices GROUP BY 1"
    slices = [row["slices"] for row in rows(celery, shares)]
    assert (len(slices), sum(slices)) == (4, 240)
    assert min(slices) >= 240 / 4 / 3


def test_a_rate_holds_over_all_messages(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 30)
    run = begin(slice_ids=1000, rate=10)
    with freeze_time(datetime.now(UTC)) as clock:
        rescore(int(run.id))
        assert state(celery, run).leads_done == 10
        execute(celery, "UPDATE rescore_runs SET paced_until = :soon", soon=datetime.now(UTC) + timedelta(seconds=6))
        rescore(int(run.id))
        assert state(celery, run).leads_done == 10
        clock.tick(timedelta(seconds=6))
        rescore(int(run.id))
    assert state(celery, run).leads_done == 20
    paced = "SELECT paced_until > now() + interval '0.8 s' FROM rescore_runs"
    assert value(celery, paced)


def test_a_cancelled_run_stays_cancelled(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 10)
    run = begin()
    steer(celery, run, "cancel")
    with pytest.raises(Conflict, match="is cancelled: it cannot resume"):
        steer(celery, run, "resume")
    keep_runs()
    assert not celery.redis.llen("rescoring")
    begin()  # and no longer stands in another's way
    actions = [row["action"] for row in rows(celery, "SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["run.cancel"]


def test_a_slice_that_nobody_can_do_fails_the_run_with_the_reason_until_it_is_retried(
    celery: Services, begin: Begin
) -> None:
    leads_with_scores(celery, 10)
    celery.settings = narrow(celery.settings, max_attempts=2)
    run = begin()
    # As a disk that is full: what a step writes is refused.
    execute(celery, "ALTER TABLE score_history ADD CONSTRAINT full_disk CHECK (score < 0) NOT VALID")
    environment = {"SERVICE6_RESCORING__BACKOFF_S": "0.01", "SERVICE6_RESCORING__MAX_ATTEMPTS": "2"}
    with worker(celery.settings, "rescoring", **environment):

        def failed() -> bool:
            keep_runs()
            return state(celery, run).state == RunState.FAILED

        eventually(failed, within_s=ENDED_S, every_s=0.2)
        told_why = state(celery, run).error
        assert told_why
        assert "23514" in told_why
        execute(celery, "ALTER TABLE score_history DROP CONSTRAINT full_disk")
        steer(celery, run, "retry")
        assert ended(celery, run).state == RunState.DONE


def test_a_failed_run_is_not_retried_beside_another(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 10)
    run = begin()
    execute(celery, "UPDATE rescore_runs SET state = 'failed', finished_at = now() - interval '90 days'")
    other = begin()
    with pytest.raises(start_run.OverlappingRun):
        steer(celery, run, "retry")
    steer(celery, other, "cancel")
    with celery.session() as db:
        rescore_runs.prune(db, datetime.now(UTC))
    assert steer(celery, run, "retry").state == RunState.RUNNING
    assert value(celery, "SELECT count(*) FROM rescore_slices WHERE run_id = :id", id=int(run.id)) == 1


def test_a_run_that_stands_still_is_taken_up_though_another_keeps_the_queue_full(
    celery: Services, begin: Begin
) -> None:
    leads_with_scores(celery, 10)
    busy, still = begin(sources=("standard",)), begin(sources=("other",), owners=())
    execute(celery, "UPDATE rescore_runs SET state = 'running'")
    execute(
        celery, "INSERT INTO rescore_slices (run_id, number, next_id, last_id) VALUES (:id, 0, 1, 9)", id=int(still.id)
    )
    assert claim(celery, int(busy.id))
    deliver(task_calls.rescore(int(busy.id)))
    keep_runs()
    assert celery.redis.llen("rescoring") == 2


def test_a_run_whose_messages_were_lost_is_taken_up_again(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 10)
    run = begin(slice_ids=3)
    assert not celery.redis.llen("rescoring")
    keep_runs()
    assert celery.redis.llen("rescoring") == 4
    for _ in range(10):  # where no worker is, messages do not pile up
        keep_runs()
    assert celery.redis.llen("rescoring") <= celery.settings.rescoring.window
    with worker(celery.settings, "rescoring"):
        assert ended(celery, run).state == RunState.DONE


# Two at once.


def test_the_second_of_two_that_open_a_run_at_once_is_told_of_the_first(services: Services) -> None:
    leads_with_scores(services, 3)
    services.champion  # noqa: B018 - stored before two ask for it
    asked = RunRequest()

    def second() -> Run:
        with services.session() as db:
            return start_run.open_run(services, db, asked, actor="test", reason="operator")

    with services.session() as first:
        run = start_run.open_run(services, first, asked, actor="test", reason="operator")
        with aside(second) as opening:
            blocked(services.engine)
            first.commit()
            with pytest.raises(start_run.OverlappingRun, match=f"run {run.id} is running"):
                opening.result()


def test_a_run_of_another_tier_overlaps_because_runs_move_leads_between_tiers(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 3)
    begin(tiers=("D",))
    with pytest.raises(start_run.OverlappingRun):
        begin(tiers=("A",))


def test_runs_of_different_sources_do_not_overlap(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 3)
    begin(sources=("standard",))
    begin(sources=("hubspot",), tiers=("A",))
    with pytest.raises(start_run.OverlappingRun):
        begin(tiers=("D",))


NIGHTLY = ScheduleSettings(at=time(2, 30))
NIGHT = datetime(2026, 11, 25, 2, 31, tzinfo=UTC)


def test_of_two_beats_one_begins_the_scheduled_run(services: Services) -> None:
    leads_with_scores(services, 3)
    services.champion  # noqa: B018
    with services.session() as first:
        assert schedules.occur(first, "nightly", NIGHT.replace(minute=30))

        def second() -> None:
            start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT)

        with aside(second) as opening:
            blocked(services.engine)
            first.commit()
            opening.result()
    assert value(services, "SELECT count(*) FROM rescore_runs") == 0
    start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT + timedelta(days=1))
    start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT + timedelta(days=1))
    [run] = rows(services, "SELECT id, reason, actor FROM rescore_runs")
    assert (run["reason"], run["actor"]) == ("schedule", "schedule:nightly")
    assert value(services, "SELECT run_id FROM schedules WHERE due > :night", night=NIGHT) == run["id"]


def test_a_scheduled_run_that_was_missed_by_much_waits_for_the_next_night(services: Services) -> None:
    start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT + timedelta(hours=7))
    assert value(services, "SELECT count(*) FROM schedules") == 0
    start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT + timedelta(hours=5))
    assert value(services, "SELECT count(*) FROM schedules") == 1


def test_a_scheduled_run_gives_way_to_one_that_is_at_work(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 3)
    begin()
    start_run.open_scheduled(services, "nightly", NIGHTLY, NIGHT)
    assert value(services, "SELECT count(*) FROM rescore_runs") == 1


# Which leads.


def test_a_filter_takes_the_leads_that_meet_all_of_it(services: Services) -> None:
    leads_with_scores(services, 40, owner="ann", stage="new", city="Lisbon")
    now = datetime.now(UTC)

    def count(**where: object) -> int:
        with services.session() as db:
            resolved = start_run.resolve_attributes(db, LeadFilter.model_validate(where), services.attribute_names)
            return rescore_runs.count(db, resolved, services.champion.model_id)

    assert count() == 40
    assert count(sources=("standard",), owners=("ann",), stages=("new",), tiers=("D",)) == 40
    assert count(owners=("bob",)) == count(stages=("old",)) == count(sources=("other",)) == count(tiers=("A",)) == 0
    assert count(changed_before=now + timedelta(hours=1)) == count(changed_since=now - timedelta(hours=1)) == 40
    assert count(changed_before=now - timedelta(hours=1)) == count(changed_since=now + timedelta(hours=1)) == 0
    assert count(other_model=True) == 0
    assert count(where=[{"attribute": "Budget", "operator": ">=", "value": 30_000}]) == 10
    assert count(where=[{"attribute": "city", "operator": "=", "value": "lisbon"}]) == 40
    assert count(where=[{"attribute": "city", "operator": ">", "value": 5}]) == 0
    assert count(where=[{"attribute": "city", "operator": "<", "value": "2026-01"}]) == 0
    with pytest.raises(Malformed, match="no lead has an attribute 'colour'; there are: budget, city"):
        count(where=[{"attribute": "colour", "operator": "=", "value": "red"}])


def test_leads_outside_the_filter_are_left_alone(celery: Services, begin: Begin) -> None:
    ids = leads_with_scores(celery, 20)
    where = [{"attribute": "budget", "operator": "<", "value": 10_000}]
    run = begin(slice_ids=7, where=where)
    assert run.leads_total == 10
    with worker(celery.settings, "rescoring"):
        dispatch(celery, int(run.id))
        done = ended(celery, run)
    assert (done.leads_done, done.leads_changed) == (10, 10)
    assert value(celery, "SELECT count(*) FROM scores WHERE rev = 1") == len(ids) - 10


def test_a_run_of_no_leads_is_done_at_once(services: Services, begin: Begin) -> None:
    assert begin().state == RunState.DONE
    leads_with_scores(services, 3)
    assert begin(owners=("nobody",)).state == RunState.DONE


def test_a_preview_tells_what_the_run_then_does_and_writes_nothing(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 30)
    before = rows(celery, "SELECT * FROM scores ORDER BY lead_id")
    seen: list[int] = []
    found = start_run.preview(celery, RunRequest(), seen.append)
    assert rows(celery, "SELECT * FROM scores ORDER BY lead_id") == before
    assert (
        value(celery, "SELECT count(*) FROM rescore_runs")
        == value(celery, "SELECT count(*) FROM feature_vectors WHERE lead_id % 2 = 0")
        == 0
    )
    assert (sum(seen), found.leads) == (30, 30)
    assert sum(bucket.leads for bucket in found.deltas) == found.leads_changed
    assert sum(move.leads for move in found.tier_moves) == found.tiers_changed
    run = begin()
    with worker(celery.settings, "rescoring"):
        dispatch(celery, int(run.id))
        done = ended(celery, run)
    assert (done.leads_changed, done.tiers_changed) == (found.leads_changed, found.tiers_changed)


def test_live_work_makes_the_steps_small(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 30)
    run = begin(slice_ids=1000)
    celery.settings = narrow(celery.settings, live_ids=10, step_ids=1000)
    save_leads(celery, [told(celery, "waits", budget=1)])
    brief, work = run_spec(celery, int(run.id)), claim(celery, int(run.id))
    assert brief
    assert work
    job = SliceJob(celery, brief, *work)
    rescorer = Rescorer(celery.champion.scorer, brief.model_id, brief.as_of, brief.filter)
    assert job._step(rescorer).leads_done == 10
    execute(celery, "TRUNCATE unscored")
    assert job._step(rescorer).leads_done == 30
