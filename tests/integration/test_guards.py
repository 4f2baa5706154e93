"""Each guard against a race, between real sessions or processes that are held where it matters.

Every test here fails when its guard is deleted.
"""

import multiprocessing
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Barrier as ThreadBarrier

import pytest

from pipeline.errors import Disturbed
from pipeline.services.ingest import lead_saver
from pipeline.settings.loader import Settings, load
from pipeline.storage.models import model_versions
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from tests.integration.rows import (
    aside,
    back_dated,
    blocked,
    execute,
    leads_saved,
    rows,
    save,
    save_scores,
    scored,
    told,
    value,
    waiting_for_locks,
)
from tests.support.serving import open_services
from tests.support.waiting import eventually

WAITING = "SELECT lead_revision FROM unscored"
NOW = datetime.now(UTC)


# The revision: work owed for a newer revision is never settled by a score of an older one.


def test_a_score_of_an_old_revision_leaves_the_newer_ones_work_owed_when_intake_is_first(services: Services) -> None:
    [lead] = leads_saved(services, 1)
    old = scored(services, [lead])
    with services.session() as intake:
        lead_saver(services).save(intake, [told(services, "L0", budget=9)], datetime.now(UTC))  # and not yet committed

        def worker() -> int:
            with services.session() as db:
                return save_scores(services, db, old)

        with aside(worker) as saving:
            blocked(services.engine)
            intake.commit()
            assert saving.result() == 1
    assert rows(services, WAITING) == [{"lead_revision": 2}]


def test_a_score_of_an_old_revision_leaves_the_newer_ones_work_owed_when_the_worker_is_first(
    services: Services,
) -> None:
    [lead] = leads_saved(services, 1)
    old = scored(services, [lead])
    with services.session() as worker:
        save_scores(services, worker, old)
        with aside(lambda: save(services, [told(services, "L0", budget=9)])) as intake:
            blocked(services.engine)
            worker.commit()
            assert intake.result() == [lead]
    assert rows(services, WAITING) == [{"lead_revision": 2}]


def test_a_score_of_an_old_revision_settles_nothing_even_long_after(services: Services) -> None:
    [lead] = leads_saved(services, 1)
    old = scored(services, [lead])
    save(services, [told(services, "L0", budget=9)])
    with services.session() as db:
        save_scores(services, db, old)
    assert rows(services, WAITING) == [{"lead_revision": 2}]


# The rev: one more with every write, and a slower worker does not overwrite.

WRITTEN = "SELECT lead_revision, rev FROM {} ORDER BY rev"


def test_a_slower_worker_neither_overwrites_nor_announces(services: Services) -> None:
    [lead] = leads_saved(services, 1)
    slow = scored(services, [lead])
    save(services, [told(services, "L0", budget=900_000)])
    fast = scored(services, [lead])
    assert slow[0].vector != fast[0].vector
    with services.session() as first:
        save_scores(services, first, fast)

        def slower() -> int:
            with services.session() as db:
                return save_scores(services, db, slow)

        with aside(slower) as saving:
            blocked(services.engine)
            first.commit()
            assert saving.result() == 0
    assert rows(services, WRITTEN.format("scores")) == [{"lead_revision": 2, "rev": 1}]
    assert rows(services, WRITTEN.format("score_history")) == [{"lead_revision": 2, "rev": 1}]
    assert value(services, "SELECT count(*) FROM outbox") == 1
    assert value(services, "SELECT score FROM scores") == fast[0].score


def test_an_older_vector_never_replaces_a_newer(services: Services) -> None:
    [lead] = leads_saved(services, 1)
    slow = scored(services, [lead])
    save(services, [told(services, "L0", budget=900_000)])
    fast = scored(services, [lead])
    for late in (fast, slow):
        with services.session() as db:
            save_scores(services, db, late)
    [kept] = rows(services, "SELECT lead_revision, vector FROM feature_vectors")
    assert (kept["lead_revision"], bytes(kept["vector"])) == (2, fast[0].vector)


def test_two_savers_at_once_leave_no_gap_and_no_double_in_rev(services: Services) -> None:
    [lead] = leads_saved(services, 1)
    [row] = scored(services, [lead])
    revisions = 40
    gate = ThreadBarrier(2)

    def saver(first: int) -> int:
        gate.wait()
        written = 0
        for revision in range(first, revisions + 1, 2):
            with services.session() as db:
                written += save_scores(services, db, [row._replace(lead_revision=revision)])
        return written

    with ThreadPoolExecutor(2) as pool:
        written = sum(pool.map(saver, (1, 2)))
    history = rows(services, WRITTEN.format("score_history"))
    assert [entry["rev"] for entry in history] == list(range(1, written + 1))
    assert [entry["lead_revision"] for entry in history] == sorted(entry["lead_revision"] for entry in history)
    assert rows(services, "SELECT rev FROM outbox ORDER BY rev") == [{"rev": n} for n in range(1, written + 1)]
    assert rows(services, WRITTEN.format("scores")) == [{"lead_revision": revisions, "rev": written}]


# Deliveries: each counts once, whoever brings it.


def test_of_two_that_save_one_delivery_the_second_waits_and_changes_nothing(services: Services) -> None:
    change = told(services, "L0", budget=1)
    with services.session() as first:
        [lead] = lead_saver(services).save(first, [change], datetime.now(UTC))
        with aside(lambda: save(services, [change])) as second:
            blocked(services.engine)
            first.commit()
            assert second.result() == []
    assert rows(services, "SELECT id, revision FROM leads") == [{"id": lead, "revision": 1}]


def _save_together(state_dir: Path, gate: Barrier) -> None:
    with open_services(load(state_dir)) as services:
        source = services.source_map("standard")
        for round_ in range(20):
            # One lead, so that only the delivery's id tells that the second change is the first again.
            change = source.change("L0", f"d{round_}", NOW + timedelta(seconds=round_), {"budget": round_})
            gate.wait()
            _with_patience(lambda: save(services, [change]))  # noqa: B023 - called at once


def _with_patience(work: Callable[[], list[int]]) -> list[int]:
    while True:
        try:
            return work()
        except Disturbed as error:
            if "40P01" in str(error):
                raise


def test_two_processes_that_save_the_same_deliveries_have_the_effect_of_one(
    settings: Settings, services: Services
) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(2, timeout=30)
    processes = [spawn.Process(target=_save_together, args=(settings.state_dir, gate)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert value(services, "SELECT count(*) FROM deliveries") == 20
    assert rows(services, "SELECT revision, attributes FROM leads") == [{"revision": 20, "attributes": {"budget": 19}}]


# New leads: two transactions that bring one into being make one.


def test_of_two_that_insert_one_lead_the_second_finds_it_and_merges(services: Services) -> None:
    with services.session() as first:
        lead_saver(services).save(first, [told(services, "L0", budget=1)], datetime.now(UTC))
        with aside(lambda: _with_patience(lambda: save(services, [told(services, "L0", visits=2)]))) as second:
            blocked(services.engine)
            first.commit()
            [lead] = second.result()
    assert rows(services, "SELECT id, revision, attributes FROM leads") == [
        {"id": lead, "revision": 2, "attributes": {"budget": 1, "visits": 2}}
    ]
    assert rows(services, WAITING) == [{"lead_revision": 2}]


def test_of_two_that_change_one_lead_the_second_builds_on_the_first(services: Services) -> None:
    leads_saved(services, 1)
    with services.session() as first:
        lead_saver(services).save(first, [told(services, "L0", visits=1, email="ann@example.com")], datetime.now(UTC))
        with aside(lambda: save(services, [told(services, "L0", meetings=2, phone="+44 7700 900123")])) as second:
            blocked(services.engine)
            first.commit()
            second.result()
    assert rows(services, "SELECT revision, attributes FROM leads") == [
        {"revision": 3, "attributes": {"budget": 0, "visits": 1, "meetings": 2}}
    ]
    [sealed] = rows(services, "SELECT lead_id, sealed FROM lead_contacts")
    opened = services.vault.open(bytes(sealed["sealed"]), f"lead_contacts:{sealed['lead_id']}")
    assert opened == {"email": "ann@example.com", "phone": "+44 7700 900123"}


# Order of locks: writers over the same leads never wait for each other in a circle.


def test_writers_over_the_same_leads_in_any_order_never_deadlock(services: Services) -> None:
    names = [f"L{n}" for n in range(12)]
    ids = save(services, [told(services, name) for name in names])
    rounds = 25
    gate = ThreadBarrier(5)

    def intake(seed: int) -> None:
        order = random.Random(seed)
        for round_ in range(rounds):
            fresh = [f"N{round_}-{n}" for n in range(3)]  # both bring the same new ones into being
            shuffled = order.sample(names + fresh, len(names) + len(fresh))
            changes = [told(services, name, budget=order.random(), email="a@b.de") for name in shuffled]
            gate.wait()
            _with_patience(lambda changes=changes: save(services, changes))  # type: ignore[misc]

    def worker(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(rounds):
            loaded = scored(services, ids)
            order.shuffle(loaded)
            gate.wait()
            if loaded:
                with services.session() as db:
                    save_scores(services, db, loaded)

    def upkeep() -> None:
        for _ in range(rounds):
            gate.wait()
            with services.session() as db:
                _strand(db, datetime.now(UTC) + timedelta(days=1))
                unscored.note_error(db, random.sample(ids, len(ids)), "an error")

    with ThreadPoolExecutor(5) as pool:
        works = [pool.submit(intake, 1), pool.submit(intake, 2), pool.submit(worker, 3), pool.submit(worker, 4)]
        works.append(pool.submit(upkeep))
        for work in works:
            work.result()  # a deadlock would come as Disturbed with 40P01


# Upkeep: attempts are counted once.


def _strand(db: object, now: datetime) -> list[unscored.OverdueLead]:
    return unscored.claim_overdue(
        db,  # type: ignore[arg-type]
        now=now,
        before=now,
        max_attempts=5,
        backoff=timedelta(seconds=60),
        limit=100,
    )


def test_two_sweeps_at_once_count_one_attempt(services: Services) -> None:
    leads_saved(services, 3)
    back_dated(services, timedelta(hours=1))
    with services.session() as first:
        assert len(_strand(first, NOW)) == 3

        def second() -> int:
            with services.session() as db:
                return len(_strand(db, NOW))

        with aside(second) as sweeping:
            # It must not take what the first holds, neither at once nor after waiting for it.
            eventually(lambda: sweeping.done() or waiting_for_locks(services.engine))
            first.commit()
            assert sweeping.result() == 0
    assert rows(services, "SELECT DISTINCT attempts FROM unscored") == [{"attempts": 1}]


def test_a_sweep_waits_for_nobody(services: Services) -> None:
    leads_saved(services, 3)
    back_dated(services, timedelta(hours=1))
    with services.session() as first:
        assert len(_strand(first, NOW)) == 3
        execute(services, "SET lock_timeout = '1s'")
        with services.session() as second:
            assert _strand(second, NOW) == []


# Models: any number of workers may ask at once.


@pytest.mark.parametrize("rounds", [3])
def test_two_that_ensure_a_model_at_once_have_one(services: Services, rounds: int) -> None:
    for n in range(rounds):
        with services.session() as first:
            model_id = model_versions.ensure(first, f"card-{n}", "scorecard", {"base": 1})

            def second(version: str = f"card-{n}") -> int:
                with services.session() as db:
                    return model_versions.ensure(db, version, "scorecard", {"base": 1})

            with aside(second) as ensuring:
                blocked(services.engine)
                first.commit()
                assert ensuring.result() == model_id
    assert value(services, "SELECT count(*) FROM model_versions") == rounds
