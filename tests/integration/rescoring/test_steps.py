"""One step of a run: what it reads, what it writes, and what it leaves alone."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import text

from pipeline.changed_leads import unpack
from pipeline.rescoring import Rescorer, columns
from pipeline.storage import packed, rescored, slices
from pipeline.storage.slices import Step
from pipeline.wiring import Services
from schemas.run import LeadFilter, Run, RunState
from tasks import rescoring as tasks_rescoring
from tests.integration.rescoring.conftest import Begin, expected, leads_with_scores, soon
from tests.integration.rows import aside, blocked, execute, rows, save, save_scores, scored, told, value

SAVED = "SELECT lead_id, score, tier, rev FROM scores ORDER BY lead_id"
AS_OF = datetime.now(UTC) + timedelta(days=20)


@pytest.fixture
def rescorer(own: Services) -> Rescorer:
    return Rescorer(own.champion.scorer, own.champion.model_id, AS_OF, LeadFilter())


def test_a_step_gives_each_lead_the_score_that_one_thread_gives_it(own: Services, rescorer: Rescorer) -> None:
    ids = leads_with_scores(own, 60)
    with own.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    with own.session() as db:
        changed = rescorer.save(db, judged)
    assert changed is not None
    assert changed.ids.tolist() == ids
    found = {row["lead_id"]: (round(row["score"], 1), row["tier"]) for row in rows(own, SAVED)}
    assert found == expected(own, ids, AS_OF)
    history = rows(own, "SELECT lead_id, score, tier, rev, bins FROM score_history ORDER BY lead_id")
    written = [(row["lead_id"], row["score"], row["tier"], row["rev"]) for row in history]
    assert written == [tuple(row.values()) for row in rows(own, SAVED)]
    assert {row["rev"] for row in history} == {2}
    assert all(row["bins"] for row in history)
    # What had to be encoded is stored.
    assert value(own, "SELECT count(*) FROM feature_vectors") == len(ids)
    reading = "SELECT lead_id, factors FROM scores ORDER BY lead_id LIMIT 1"
    [first] = rows(own, reading)
    with own.reading() as db:
        again = rescorer.judge(db, ids[0], ids[-1])
    assert (len(again), len(again.changed), again.encoded) == (60, 0, None)
    assert bytes(rows(own, reading)[0]["factors"]) == bytes(first["factors"])


def test_only_what_differs_as_people_read_it_is_written(own: Services, rescorer: Rescorer) -> None:
    ids = leads_with_scores(own, 10)
    with own.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    for lead, score, tier in zip(ids, judged.found.scores.tolist(), judged.found.tiers.tolist(), strict=True):
        # Off by less than anybody sees, but for two.
        off = {ids[3]: 0.2, ids[4]: 0}.get(lead, 0.001 if round(score + 0.001, 1) == round(score, 1) else 0)
        letter = "A" if lead == ids[4] and tier != b"A" else tier.decode()
        execute(
            own,
            "UPDATE scores SET score = :score, tier = :tier WHERE lead_id = :id",
            score=score + off,
            tier=letter,
            id=lead,
        )
    with own.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    assert [ids[place] for place in judged.changed] == [ids[3], ids[4]]


def test_a_score_that_real_time_wrote_meanwhile_stays(own: Services, rescorer: Rescorer) -> None:
    first, second = leads_with_scores(own, 2)
    with own.reading() as db:
        judged = rescorer.judge(db, first, second)
    save(own, [told(own, "L0", budget=900_000)])
    with own.session() as live:
        save_scores(own, live, scored(own, [first]))

        def slice_() -> list[int]:
            with own.session() as db:
                changed = rescorer.save(db, judged)
                return [] if changed is None else changed.ids.tolist()

        with aside(slice_) as saving:
            blocked(own.engine)
            live.commit()
            assert saving.result() == [second]
    assert [row["rev"] for row in rows(own, SAVED)] == [2, 2]
    assert value(own, "SELECT lead_revision FROM scores WHERE lead_id = :id", id=first) == 2
    reasons = rows(own, "SELECT lead_id, reason FROM score_history ORDER BY lead_id")
    assert reasons == [{"lead_id": first, "reason": "change"}, {"lead_id": second, "reason": rescored.REASON}]


def test_of_two_runs_that_read_the_same_score_one_writes_it(own: Services, rescorer: Rescorer) -> None:
    [lead] = leads_with_scores(own, 1)
    with own.reading() as db:
        one, other = rescorer.judge(db, lead, lead), rescorer.judge(db, lead, lead)
    with own.session() as first:
        rescorer.save(first, one)

        def second() -> object:
            with own.session() as db:
                return rescorer.save(db, other)

        with aside(second) as saving:
            blocked(own.engine)
            first.commit()
            assert saving.result() is None
    assert value(own, "SELECT count(*) FROM score_history") == 1


def test_real_time_still_writes_and_announces_a_lead_that_a_run_has_met_before_it(
    own: Services, rescorer: Rescorer
) -> None:
    """It is encoded as it is now, and owed to real time all the same: with its new owner."""
    [lead] = leads_with_scores(own, 1, owner="ann")
    save(own, [told(own, "L0", budget=900_000, meetings=3, owner="bob")])
    execute(own, "DELETE FROM feature_vectors")
    late = scored(own, [lead])
    with own.reading() as db:
        judged = rescorer.judge(db, lead, lead)
    with own.session() as db:
        rescorer.save(db, judged)
    [saved] = rows(own, "SELECT score, tier, lead_revision, owner, rev FROM scores")
    assert (round(saved["score"], 1), saved["tier"]) == expected(own, [lead], AS_OF)[lead]
    assert (saved["lead_revision"], saved["owner"], saved["rev"]) == (1, "ann", 2)
    execute(own, "TRUNCATE outbox")
    with own.session() as db:
        assert save_scores(own, db, late) == 1
    [saved] = rows(own, "SELECT lead_revision, owner, rev FROM scores")
    assert saved == {"lead_revision": 2, "owner": "bob", "rev": 3}
    assert value(own, "SELECT previous_owner FROM outbox") == "ann"


def test_scores_are_locked_before_vectors_as_real_time_does(own: Services, rescorer: Rescorer) -> None:
    first, second = leads_with_scores(own, 2)
    execute(own, "DELETE FROM feature_vectors")
    with own.reading() as db:
        judged = rescorer.judge(db, first, second)
    with own.session() as live:
        live.execute(text("SELECT 1 FROM scores WHERE lead_id = :id FOR UPDATE"), {"id": second})

        def step() -> None:
            with own.session() as db:
                rescorer.save(db, judged)

        with aside(step) as saving:
            blocked(own.engine)
            # It holds no vector that real time could want now.
            execute(own, "INSERT INTO feature_vectors VALUES (:id, 1, 1, '\\x00')", id=second)
            live.rollback()
            saving.result()


def test_however_many_there_are_they_are_locked_one_after_the_other(own: Services, rescorer: Rescorer) -> None:
    """A hash join would lock them in the order of the disk."""
    ids = leads_with_scores(own, 2000)
    execute(own, "ANALYZE scores")
    with own.reading() as db:
        judged = rescorer.judge(db, ids[0], ids[-1])
    with own.session() as db:
        for statement in rescored.PREPARE:
            db.execute(statement)
        packed.write(db, columns(judged), "rescored_leads")
        told = {"model_id": own.champion.model_id, "reason": rescored.REASON}
        plan = "\n".join(db.execute(text(f"EXPLAIN {rescored.SAVE.text}"), told).scalars())
    assert "Nested Loop" in plan
    assert "Hash Join" not in plan


# The lease: who lost it writes nothing.


def taken(own: Services, run: Run, lease: str, *, until: datetime) -> slices.Slice | None:
    with own.session() as db:
        return slices.take(db, int(run.id), lease=lease, now=datetime.now(UTC), until=until)


def test_a_slice_is_taken_once_until_its_lease_runs_out(own: Services, begin: Begin) -> None:
    leads_with_scores(own, 10)
    run = begin(slice_ids=1000)
    slow = taken(own, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert slow is not None
    quick = taken(own, run, "quick", until=soon())
    assert quick is not None
    assert (quick.number, quick.attempts) == (slow.number, 2)
    assert taken(own, run, "third", until=soon()) is None


def test_who_advances_while_its_lease_is_taken_away_writes_nothing(own: Services, begin: Begin) -> None:
    leads_with_scores(own, 10)
    run = begin(slice_ids=1000)
    slow = taken(own, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert slow
    step = Step(slow.last_id + 1, 10, 0, 0)
    with own.session() as quick:
        assert slices.take(quick, int(run.id), lease="quick", now=datetime.now(UTC), until=soon())

        def late() -> object:
            with own.session() as db:
                return slices.advance(db, slow, step, lease="slow", until=soon())

        with aside(late) as advancing:
            blocked(own.engine)
            quick.commit()
            assert advancing.result() is None
    with own.session() as db:
        progress = slices.advance(db, slow, step, lease="quick", until=soon())
    assert progress
    assert (progress.state, progress.leads_done) == (RunState.DONE, 10)


def test_two_that_want_a_slice_at_once_get_different_ones(own: Services, begin: Begin) -> None:
    leads_with_scores(own, 20)
    run = begin(slice_ids=10)
    with own.session() as first:
        one = slices.take(first, int(run.id), lease="one", now=soon(), until=soon(60))
        other = taken(own, run, "other", until=soon())
        assert one
        assert other
        assert one.number != other.number


def test_the_last_two_slices_that_end_at_once_end_the_run(own: Services, begin: Begin) -> None:
    leads_with_scores(own, 20)
    run = begin(slice_ids=10)
    one, other = (taken(own, run, lease, until=soon()) for lease in ("one", "other"))
    assert one
    assert other
    with own.session() as first:
        slices.advance(first, one, Step(one.last_id + 1, 10, 0, 0), lease="one", until=soon())

        def second() -> object:
            with own.session() as db:
                return slices.advance(db, other, Step(other.last_id + 1, 10, 0, 0), lease="other", until=soon())

        with aside(second) as advancing:
            blocked(own.engine)
            first.commit()
            progress = advancing.result()
    assert isinstance(progress, Run)
    assert (progress.state, progress.leads_done) == (RunState.DONE, 20)


def test_a_worker_whose_lease_was_lost_writes_neither_scores_nor_history(celery: Services, begin: Begin) -> None:
    leads_with_scores(celery, 10)
    run = begin(slice_ids=1000)
    brief = tasks_rescoring._brief(celery, int(run.id))
    slow = taken(celery, run, "slow", until=datetime.now(UTC) - timedelta(seconds=1))
    assert brief
    assert slow
    assert taken(celery, run, "quick", until=soon())
    with pytest.raises(tasks_rescoring.Overtaken):
        tasks_rescoring.Job(celery, brief, slow, "slow").run()
    assert value(celery, "SELECT count(*) FROM score_history") == 0
    assert value(celery, "SELECT max(rev) FROM scores") == 1


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_a_step_of_a_run_that_has_ended_meanwhile_is_not_kept(celery: Services, begin: Begin, state: str) -> None:
    leads_with_scores(celery, 10)
    run = begin(slice_ids=1000)
    brief, work = tasks_rescoring._brief(celery, int(run.id)), tasks_rescoring._take(celery, int(run.id))
    assert brief
    assert work
    with celery.session() as operator:
        operator.execute(text("UPDATE rescore_runs SET state = :state, error = 'why'"), {"state": state})

        def step() -> None:
            with pytest.raises(tasks_rescoring.Overtaken):
                tasks_rescoring.Job(celery, brief, *work).run()

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
    tasks_rescoring.rescore(int(run.id))
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
