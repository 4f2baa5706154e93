"""One step of a run: what it reads, what it writes, and what it leaves alone."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import text

from pipeline.redis_store.changed_leads import unpack
from pipeline.services import rescore_slice
from pipeline.services.rescorer import Rescorer, columns
from pipeline.storage.runs import run_slices
from pipeline.storage.runs.run_slices import Step
from pipeline.storage.scores import packed_scores, run_writes
from pipeline.wiring import Services
from schemas.run import LeadFilter, Run, RunState
from tests.integration.rescoring.conftest import Begin, expected, leads_with_scores, soon
from tests.integration.rows import aside, blocked, execute, rows, save, save_scores, scored, told, value

SAVED = "SELECT lead_id, score, tier, rev FROM scores ORDER BY lead_id"
AS_OF = datetime.now(UTC) + timedelta(days=20)


@pytest.fixture
def rescorer(services: Services) -> Rescorer:
    return Rescorer(services.champion.scorer, services.champion.model_id, AS_OF, LeadFilter())


def test_a_step_gives_each_lead_the_score_that_one_thread_gives_it(services: Services, rescorer: Rescorer) -> None:
    ids = leads_with_scores(services, 60)
    with services.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    with services.session() as db:
        changed = rescorer.save(db, judged)
    assert changed is not None
    assert changed.ids.tolist() == ids
    found = {row["lead_id"]: (round(row["score"], 1), row["tier"]) for row in rows(services, SAVED)}
    assert found == expected(services, ids, AS_OF)
    history = rows(services, "SELECT lead_id, score, tier, rev, bins FROM score_history ORDER BY lead_id")
    written = [(row["lead_id"], row["score"], row["tier"], row["rev"]) for row in history]
    assert written == [tuple(row.values()) for row in rows(services, SAVED)]
    assert {row["rev"] for row in history} == {2}
    assert all(row["bins"] for row in history)
    # What had to be encoded is stored.
    assert value(services, "SELECT count(*) FROM feature_vectors") == len(ids)
    reading = "SELECT lead_id, factors FROM scores ORDER BY lead_id LIMIT 1"
    [first] = rows(services, reading)
    with services.reading() as db:
        again = rescorer.judge(db, ids[0], ids[-1])
    assert (len(again), len(again.changed), again.encoded) == (60, 0, None)
    assert bytes(rows(services, reading)[0]["factors"]) == bytes(first["factors"])


def test_only_what_differs_as_people_read_it_is_written(services: Services, rescorer: Rescorer) -> None:
    ids = leads_with_scores(services, 10)
    with services.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    for lead, score, tier in zip(ids, judged.found.scores.tolist(), judged.found.tiers.tolist(), strict=True):
        # Off by less than anybody sees, but for two.
        off = {ids[3]: 0.2, ids[4]: 0}.get(lead, 0.001 if round(score + 0.001, 1) == round(score, 1) else 0)
        letter = "A" if lead == ids[4] and tier != b"A" else tier.decode()
        execute(
            services,
            "UPDATE scores SET score = :score, tier = :tier WHERE lead_id = :id",
            score=score + off,
            tier=letter,
            id=lead,
        )
    with services.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    assert [ids[place] for place in judged.changed] == [ids[3], ids[4]]


def test_a_score_that_real_time_wrote_meanwhile_stays(services: Services, rescorer: Rescorer) -> None:
    first, second = leads_with_scores(services, 2)
    with services.reading() as db:
        judged = rescorer.judge(db, first, second)
    save(services, [told(services, "L0", budget=900_000)])
    with services.session() as live:
        save_scores(services, live, scored(services, [first]))

        def slice_() -> list[int]:
            with services.session() as db:
                changed = rescorer.save(db, judged)
                return [] if changed is None else changed.ids.tolist()

        with aside(slice_) as saving:
            blocked(services.engine)
            live.commit()
            assert saving.result() == [second]
    assert [row["rev"] for row in rows(services, SAVED)] == [2, 2]
    assert value(services, "SELECT lead_revision FROM scores WHERE lead_id = :id", id=first) == 2
    reasons = rows(services, "SELECT lead_id, reason FROM score_history ORDER BY lead_id")
    assert reasons == [{"lead_id": first, "reason": "change"}, {"lead_id": second, "reason": run_writes.REASON}]


def test_of_two_runs_that_read_the_same_score_one_writes_it(services: Services, rescorer: Rescorer) -> None:
    [lead] = leads_with_scores(services, 1)
    with services.reading() as db:
        one, other = rescorer.judge(db, lead, lead), rescorer.judge(db, lead, lead)
    with services.session() as first:
        rescorer.save(first, one)

        def second() -> object:
            with services.session() as db:
                return rescorer.save(db, other)

        with aside(second) as saving:
            blocked(services.engine)
            first.commit()
            assert saving.result() is None
    assert value(services, "SELECT count(*) FROM score_history") == 1


def test_real_time_still_writes_and_announces_a_lead_that_a_run_has_met_before_it(
    services: Services, rescorer: Rescorer
) -> None:
    """It is encoded as it is now, and owed to real time all the same: with its new owner."""
    [lead] = leads_with_scores(services, 1, owner="ann")
    save(services, [told(services, "L0", budget=900_000, meetings=3, owner="bob")])
    execute(services, "DELETE FROM feature_vectors")
    late = scored(services, [lead])
    with services.reading() as db:
        judged = rescorer.judge(db, lead, lead)
    with services.session() as db:
        rescorer.save(db, judged)
    [saved] = rows(services, "SELECT score, tier, lead_revision, owner, rev FROM scores")
    assert (round(saved["score"], 1), saved["tier"]) == expected(services, [lead], AS_OF)[lead]
    assert (saved["lead_revision"], saved["owner"], saved["rev"]) == (1, "ann", 2)
    execute(services, "TRUNCATE outbox")
    with services.session() as db:
        assert save_scores(services, db, late) == 1
    [saved] = rows(services, "SELECT lead_revision, owner, rev FROM scores")
    assert saved == {"lead_revision": 2, "owner": "bob", "rev": 3}
    assert value(services, "SELECT previous_owner FROM outbox") == "ann"


def test_scores_are_locked_before_vectors_as_real_time_does(services: Services, rescorer: Rescorer) -> None:
    first, second = leads_with_scores(services, 2)
    execute(services, "DELETE FROM feature_vectors")
    with services.reading() as db:
        judged = rescorer.judge(db, first, second)
    with services.session() as live:
        live.execute(text("SELECT 1 FROM scores WHERE lead_id = :id FOR UPDATE"), {"id": second})

        def step() -> None:
            with services.session() as db:
                rescorer.save(db, judged)

        with aside(step) as saving:
            blocked(services.engine)
            # It holds no vector that real time could want now.
            execute(services, "INSERT INTO feature_vectors VALUES (:id, 1, 1, '\\x00')", id=second)
            live.rollback()
            saving.result()


def test_however_many_there_are_they_are_locked_one_after_the_other(services: Services, rescorer: Rescorer) -> None:
    """A hash join would lock them in the order of the disk."""
    ids = leads_with_scores(services, 2000)
    execute(services, "ANALYZE scores")
    with services.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    with services.session() as db:
        for statement in run_writes.PREPARE:
            db.execute(statement)
        packed_scores.write(db, columns(judged), "rescored_leads")
        told = {"model_id": services.champion.model_id, "reason": run_writes.REASON}
        plan = "\n".join(db.execute(text(f"EXPLAIN {run_writes.SAVE.text}"), told).scalars())
    assert "Nested Loop" in plan
    assert "Hash Join" not in plan


# The lease: who lost it writes nothing.


def taken(services: Services, run: Run, lease: str, *, until: datetime) -> run_slices.Slice | None:
    with services.session() as db:
        return run_slices.claim(db, int(run.id), lease=lease, now=datetime.now(UTC), until=until)


def test_a_slice_is_taken_once_until_its_lease_runs_out(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 10)
    run = begin(slice_ids=1000)
    slow = taken(services, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert slow is not None
    quick = taken(services, run, "quick", until=soon())
    assert quick is not None
    assert (quick.number, quick.attempts) == (slow.number, 2)
    assert taken(services, run, "third", until=soon()) is None


def test_who_advances_while_its_lease_is_taken_away_writes_nothing(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 10)
    run = begin(slice_ids=1000)
    slow = taken(services, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert slow
    step = Step(slow.last_id + 1, 10, 0, 0)
    with services.session() as quick:
        assert run_slices.claim(quick, int(run.id), lease="quick", now=datetime.now(UTC), until=soon())

        def late() -> object:
            with services.session() as db:
                return run_slices.advance(db, slow, step, lease="slow", until=soon())

        with aside(late) as advancing:
            blocked(services.engine)
            quick.commit()
            assert advancing.result() is None
    with services.session() as db:
        progress = run_slices.advance(db, slow, step, lease="quick", until=soon())
    assert progress
    assert (progress.state, progress.leads_done) == (RunState.DONE, 10)


def test_two_that_want_a_slice_at_once_get_different_ones(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 20)
    run = begin(slice_ids=10)
    with services.session() as first:
        one = run_slices.claim(first, int(run.id), lease="one", now=soon(), until=soon(60))
        other = taken(services, run, "other", until=soon())
        assert one
        assert other
        assert one.number != other.number


def test_the_last_two_slices_that_end_at_once_end_the_run(services: Services, begin: Begin) -> None:
    leads_with_scores(services, 20)
    run = begin(slice_ids=10)
    one, other = (taken(services, run, lease, until=soon()) for lease in ("one", "other"))
    assert one
    assert other
    with services.session() as first:
        run_slices.advance(first, one, Step(one.last_id + 1, 10, 0, 0), lease="one", until=soon())

        def second() -> object:
            with services.session() as db:
                return run_slices.advance(db, other, Step(other.last_id + 1, 10, 0, 0), lease="other", until=soon())

        with aside(second) as advancing:
            blocked(services.engine)
            first.commit()
            progress = advancing.result()
    assert isinstance(progress, Run)
    assert (progress.state, progress.leads_done) == (RunState.DONE, 20)


def test_a_worker_whose_lease_was_lost_writes_neither_scores_nor_history(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 10)
    run = begin(slice_ids=1000)
    brief = rescore_slice.run_spec(celery, int(run.id))
    slow = taken(celery, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert brief
    assert slow
    assert taken(celery, run, "quick", until=soon())
    with pytest.raises(rescore_slice.LeaseLost):
        rescore_slice.SliceJob(celery, brief, slow, "slow").run()
    assert value(celery, "SELECT count(*) FROM score_history") == 0
    assert value(celery, "SELECT max(rev) FROM scores") == 1


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_a_step_of_a_run_that_has_ended_meanwhile_is_not_kept(celery: Services, begin: Begin, state: str) -> None:
    leads_with_scores(celery, 10)
    run = begin(slice_ids=1000)
    brief, work = rescore_slice.run_spec(celery, int(run.id)), rescore_slice.claim(celery, int(run.id))
    assert brief
    assert work
    with celery.session() as operator:
        operator.execute(text("UPDATE rescore_runs SET state = :state, error = 'why'"), {"state": state})

        def step() -> None:
            with pytest.raises(rescore_slice.LeaseLost):
                rescore_slice.SliceJob(celery, brief, *work).run()

        with aside(step) as stepping:
            blocked(celery.engine)
            operator.commit()
            stepping.result()
    assert value(celery, "SELECT max(rev) FROM scores") == 1
    assert rows(celery, "SELECT state, error FROM rescore_runs") == [{"state": state, "error": "why"}]


def test_a_step_announces_what_it_wrote_and_how_far_the_run_is(celery: Services, begin: Begin) -> None:
    ids = leads_with_scores(celery, 10, owner="ann")
    run = begin(slice_ids=1000)
    execute(celery, "TRUNCATE outbox")
    rescore_slice.rescore_slice(celery, int(run.id))
    [row] = rows(celery, "SELECT kind, key, rev, body FROM outbox")

    body = orjson.loads(row["body"])
    assert (row["kind"], row["key"]) == ("slice", f"run:{run.id}")
    told_run = Run.model_validate(body["run"])
    assert (told_run.state, told_run.leads_done, told_run.leads_changed, told_run.rev) == (
        RunState.DONE,
        10,
        10,
        row["rev"],
    )
    leads = unpack(body["leads"])
    assert leads.ids.tolist() == ids
    assert set(leads.revs.tolist()) == {2}
    assert [leads.names[place] for place in leads.owners.tolist()] == ["ann"] * 10
    saved = rows(celery, SAVED)
    assert leads.scores.tolist() == [row["score"] for row in saved]
    assert [tier.decode() for tier in leads.tiers.tolist()] == [row["tier"] for row in saved]
    assert leads.previous.tolist() == [1.5] * 10
