"""Trainings: asked for once, done under a lease, and what they make replaces the champion only if it is better."""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from pipeline import task_calls
from pipeline.errors import GiveUp
from pipeline.services import model_promotion
from pipeline.services import train_model as training_service
from pipeline.services.train_model import LeaseLost
from pipeline.storage.models import champions, trainings
from pipeline.wiring import Services
from schemas.example import Example
from schemas.training import TrainingOptions, TrainingReason, TrainingState
from tasks.app import deliver
from tasks.learning import train_model
from tasks.upkeep import keep_trainings
from tests.integration.learned import ask, done, found, history, in_charge, learned
from tests.integration.rows import aside, blocked, execute, leads_saved, rows, value
from tests.support.serving import worker
from tests.support.waiting import eventually
from tests.unit.pipeline.learning.leads import examples

FEW = 400
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def promote(services: Services, version: str) -> None:
    with services.session() as db:
        champions.promote(db, version)


def spoiled(known: list[Example], part: float, seed: int = 5) -> list[Example]:
    """Of so many the outcome says nothing."""
    chance = np.random.default_rng(seed)
    return [one._replace(won=bool(chance.random() < 0.4)) if chance.random() < part else one for one in known]


# One at most waits.


def test_what_is_asked_for_while_one_waits_is_done_by_that_one(celery: Services) -> None:
    first = ask(celery, TrainingReason.OUTCOMES)
    assert ask(celery, TrainingReason.DRIFT) == first
    # What a person wants comes first, and is not changed by what merely happens.
    assert ask(celery, wishes=TrainingOptions(without=("visits",))) == first
    assert ask(celery, TrainingReason.OUTCOMES) == first
    told = found(celery, first)
    assert (told.reason, told.wishes.without) == (TrainingReason.ASKED, ("visits",))
    with celery.session() as db:
        assert trainings.request(db, reason=TrainingReason.ASKED, actor="other", wishes=TrainingOptions()) is None


def test_two_that_ask_at_once_get_one_training(services: Services) -> None:
    def second() -> int:
        return ask(services, TrainingReason.DRIFT)

    with services.session() as db:
        first = trainings.request(db, reason=TrainingReason.OUTCOMES, actor="test", wishes=TrainingOptions())
        with aside(second) as asking:
            blocked(services.engine)
            db.commit()
            assert first is not None
            assert asking.result() == first.id
    assert value(services, "SELECT count(*) FROM trainings") == 1


def test_what_is_asked_for_while_one_runs_waits_for_its_end(celery: Services) -> None:
    now = datetime.now(UTC)
    running, until = ask(celery), now + timedelta(hours=1)
    with celery.session() as db:
        assert trainings.claim(db, running, lease="a", now=now, until=until)
    waiting = ask(celery)
    assert waiting != running
    with celery.session() as db:
        assert trainings.claim(db, waiting, lease="b", now=now, until=until) is None
        assert trainings.claim(db, running, lease="b", now=now, until=until) is None
        assert trainings.due(db, now) is None
        assert trainings.complete(db, running, "a", TrainingState.REFUSED)
        assert trainings.due(db, now) == waiting


# A lease that ran out.


def test_who_was_overtaken_keeps_nothing(celery: Services) -> None:
    history(celery, examples(FEW))
    training_id = ask(celery)
    with celery.session() as db:
        taken = trainings.claim(db, training_id, lease="slow", now=LONG_AGO, until=LONG_AGO)
    assert taken is not None
    made = training_service._make(celery, taken)
    with celery.session() as db:
        assert trainings.claim(db, training_id, lease="quick", now=datetime.now(UTC), until=datetime.now(UTC))
        assert not trainings.renew(db, training_id, "slow", datetime.now(UTC))
    with pytest.raises(LeaseLost):
        training_service._save(celery, taken, "slow", made)
    assert rows(celery, "SELECT version FROM model_versions WHERE engine = 'glassbox'") == []
    assert found(celery, training_id).state == TrainingState.RUNNING


def test_a_training_whose_worker_died_is_told_again_and_after_its_last_attempt_it_is_a_dead_letter(
    celery: Services,
) -> None:
    training_id = ask(celery)
    for attempt in range(1, celery.settings.learning.max_attempts + 1):
        with celery.session() as db:
            assert trainings.claim(db, training_id, lease="dead", now=LONG_AGO, until=LONG_AGO)
        celery.redis.delete("learning")
        keep_trainings()
        expected = 0 if attempt == celery.settings.learning.max_attempts else 1
        assert celery.redis.llen("learning") == expected
    assert found(celery, training_id).state == TrainingState.FAILED
    [letter] = rows(celery, "SELECT id, task, arguments, error FROM dead_letters")
    assert (letter["task"], letter["arguments"]) == (train_model.name, {"training_id": training_id})
    assert "died without a word" in letter["error"]


def test_an_unexpected_error_is_kept_without_values_and_tried_again(
    celery: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "a lead's own " + "words"

    def broken(*_: object) -> None:
        raise ValueError(words)

    monkeypatch.setattr(training_service, "_make", broken)
    training_id = ask(celery)
    with pytest.raises(GiveUp, match="its row holds the reason"):
        train_model(training_id)
    told = found(celery, training_id)
    assert told.state == TrainingState.RUNNING
    assert told.error is not None
    assert told.error.startswith("ValueError")
    assert words not in told.error


@pytest.mark.parametrize(
    ("outcome", "counts"), [(None, "0 leads were won and 0 lost"), ("won", "90 leads were won and 0 lost")]
)
def test_too_few_outcomes_are_refused_with_their_counts(celery: Services, outcome: str | None, counts: str) -> None:
    leads_saved(celery, 90, outcome=outcome)
    told = learned(celery)
    assert (told.state, told.error) == (TrainingState.REFUSED, f"{counts}; a model needs at least 40 of each")
    assert value(celery, "SELECT count(*) FROM dead_letters") == 0
    shown = CliRunner().invoke(cli.main, ["train", "--follow", told.id])
    assert (shown.exit_code, shown.stdout, shown.stderr) == (1, "", f"service6: {told.error}\n")


def test_where_the_libraries_are_missing_the_training_says_so(
    celery: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith(("pipeline.learning.", "sklearn"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("pipeline.learning.training", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    told = learned(celery)
    assert told.state == TrainingState.FAILED
    assert told.error is not None
    assert "is not installed where trainings run; there: pip install 'service6[training]'" in told.error


def test_a_training_that_is_done_is_not_done_again(celery: Services) -> None:
    history(celery, examples(FEW))
    told = learned(celery)
    assert told.version is not None
    assert done(celery, int(told.id)) == told


# The contest.


def test_the_first_model_waits_for_a_person(celery: Services) -> None:
    history(celery, examples(FEW))
    told = learned(celery)
    assert told.contest is not None
    assert not told.contest.promoted
    assert told.contest.reason == "no learned model was in charge, and to promote the first is a person's decision"
    assert in_charge(celery) == []


def test_a_better_model_is_promoted_and_one_of_worse_leads_is_not(celery: Services) -> None:
    leads = examples(1600)
    history(celery, spoiled(leads[:400], 1.0))
    first = learned(celery).version
    promote(celery, str(first))
    history(celery, leads[400:1200], "good")
    second = learned(celery)
    assert second.contest is not None
    assert second.contest.promoted, second.contest
    assert second.contest.against == first
    assert in_charge(celery) == [second.version]
    [noted] = rows(celery, "SELECT actor, action, subject, detail FROM audit_log")
    assert noted == {
        "actor": "service6",
        "action": "promote",
        "subject": f"model:{second.version}",
        "detail": {"before": first},
    }
    # Of the leads that come now every outcome before the newest fifth is drawn by lot.
    execute(celery, "UPDATE leads SET outcome = CASE WHEN id % 2 = 0 THEN 'won' ELSE 'lost' END")
    history(celery, leads[1200:], "new")
    third = learned(celery)
    assert third.contest is not None
    assert not third.contest.promoted
    assert third.contest.loss is not None
    assert third.contest.loss_of_champion is not None
    assert third.contest.loss > third.contest.loss_of_champion
    assert in_charge(celery) == [second.version]


def test_the_same_leads_make_the_same_model_which_is_no_challenger(celery: Services) -> None:
    history(celery, examples(FEW))
    first = learned(celery)
    promote(celery, str(first.version))
    again = learned(celery)
    assert again.version == first.version
    assert again.contest is not None
    assert again.contest.reason == "it is the champion itself, learned once more"


def test_where_a_person_decides_the_winner_is_no_champion(celery: Services) -> None:
    leads = examples(1200)
    history(celery, spoiled(leads[:400], 1.0))
    promote(celery, str(learned(celery).version))
    history(celery, leads[400:], "good")
    never = celery.settings.learning.model_copy(update={"promote": "never"})
    celery.settings = celery.settings.model_copy(update={"learning": never})
    told = learned(celery)
    assert told.contest is not None
    assert not told.contest.promoted
    assert told.contest.reason.endswith("a person decides")


def test_a_winner_over_one_that_is_not_in_charge_any_more_stays_a_candidate(celery: Services) -> None:
    leads = examples(1200)
    history(celery, spoiled(leads[:400], 1.0))
    first = learned(celery).version
    promote(celery, str(first))
    history(celery, leads[400:], "good")
    training_id = ask(celery)
    now = datetime.now(UTC)
    with celery.session() as db:
        taken = trainings.claim(db, training_id, lease="x", now=now, until=now + timedelta(hours=1))
    assert taken is not None
    made = training_service._make(celery, taken)
    assert made.contest.promoted
    with celery.session() as db:
        champions.revert(db)
    training_service._save(celery, taken, "x", made)
    told = found(celery, training_id)
    assert told.contest is not None
    assert not told.contest.promoted
    assert in_charge(celery) == []


def test_what_was_allowed_more_than_the_champion_waits_for_a_person(celery: Services) -> None:
    leads = examples(1200)
    history(celery, spoiled(leads[:400], 1.0))
    first = done(celery, ask(celery, wishes=TrainingOptions(without=("visits",))))
    promote(celery, str(first.version))
    history(celery, leads[400:], "good")
    told = learned(celery)
    assert told.contest is not None
    assert told.contest.gain_low is not None
    assert told.contest.gain_low > 0
    assert told.contest.reason == "it was allowed visits, which the champion was not; a person decides"
    assert in_charge(celery) == [first.version]


def test_after_a_reversal_nothing_is_promoted_until_a_person_promotes_again(celery: Services) -> None:
    leads = examples(1200)
    history(celery, spoiled(leads[:400], 1.0))
    first = str(learned(celery).version)
    history(celery, spoiled(leads[400:420], 1.0), "few")
    second = str(learned(celery).version)
    for version in (first, second):
        with celery.session() as db:
            model_promotion.promote(db, version, actor="ann", anyway=True)
    with celery.session() as db:
        assert model_promotion.revert(db, actor="ann").now == first
    history(celery, leads[420:], "good")
    told = learned(celery)
    assert told.contest is not None
    assert told.contest.gain_low is not None
    assert told.contest.gain_low > 0
    assert told.contest.reason.startswith("a person has reverted a promotion")
    assert in_charge(celery) == [first]
    with celery.session() as db:
        model_promotion.promote(db, first, actor="ann", anyway=True)
    again = learned(celery)
    assert again.contest is not None
    assert again.contest.promoted, again.contest
    assert in_charge(celery) == [told.version]


def test_two_that_end_at_once_do_not_both_promote(celery: Services) -> None:
    """Who comes second sees what the first has put in charge."""
    leads = examples(1200)
    history(celery, spoiled(leads[:400], 1.0))
    promote(celery, str(learned(celery).version))
    history(celery, leads[400:], "good")
    training_id, now = ask(celery), datetime.now(UTC)
    with celery.session() as db:
        taken = trainings.claim(db, training_id, lease="x", now=now, until=now + timedelta(hours=1))
    assert taken is not None
    made = training_service._make(celery, taken)
    assert made.contest.promoted
    with celery.session() as db:
        champions.add(db, "by-hand", "glassbox", {}, {})
        with aside(lambda: training_service._save(celery, taken, "x", made)) as saving:
            blocked(celery.engine)
            # It waits before it has written or read anything: if not, either would now wait for the other for ever.
            champions.promote(db, "by-hand")
            db.commit()
            saving.result()
    told = found(celery, training_id)
    assert told.contest is not None
    assert told.contest.reason.endswith("was not in charge any more when the contest was over")
    assert in_charge(celery) == ["by-hand"]


def test_an_attempt_that_the_end_of_its_worker_ended_does_not_count(
    celery: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise SystemExit(0)

    training_id = ask(celery)
    with monkeypatch.context() as patched:
        patched.setattr(training_service, "_make", ended)
        for _ in range(celery.settings.learning.max_attempts + 1):
            with pytest.raises(SystemExit):
                train_model(training_id)
    told = found(celery, training_id)
    assert (told.state, told.attempts) == (TrainingState.RUNNING, 0)
    with celery.reading() as db:
        assert trainings.due(db, datetime.now(UTC)) == training_id
    assert counted(celery) == 0
    assert done(celery, training_id).state == TrainingState.REFUSED
    assert counted(celery) == 1


def counted(services: Services) -> float:
    [family] = services.metrics.trainings.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


def test_a_worker_killed_over_a_fit_leaves_nothing_and_another_one_does_it(celery: Services) -> None:
    history(celery, examples(FEW))
    training_id = ask(celery)
    with worker(celery.settings, "learning") as running, celery.session() as db:
        champions.lock_table(db)  # so that it cannot have saved
        deliver(task_calls.train_model(training_id))
        eventually(lambda: found(celery, training_id).state == TrainingState.RUNNING, within_s=60)
        running.kill()
    assert rows(celery, "SELECT version FROM model_versions WHERE engine = 'glassbox'") == []
    execute(celery, "UPDATE trainings SET lease_until = now()")
    celery.redis.delete("learning")
    keep_trainings()
    assert celery.redis.llen("learning") == 1
    told = done(celery, training_id)
    assert (told.state, told.attempts) == (TrainingState.DONE, 2)
    assert rows(celery, "SELECT version FROM model_versions WHERE engine = 'glassbox'") == [{"version": told.version}]
