"""Dead letters, listed, replayed and discarded: over HTTP, in the terminal, and by two at once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from pipeline.services import settle_dead_letters
from pipeline.settings.loader import Settings
from pipeline.storage.operations import dead_letters, idempotency_keys
from pipeline.storage.operations.dead_letters import FailedWork
from pipeline.wiring import Services
from schemas.access import Role
from schemas.dead_letter import DeadLetterResolution
from tasks.scoring import score_leads
from tests.integration.rows import aside, blocked, execute, leads_saved, rows, save, told, value
from tests.integration.test_cli import service6
from tests.support.serving import Api, api, in_this_process, open_services
from workers.api.idempotency import idempotent

PATH = "/api/v1/dead-letters"


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api(place) as running:
        yield running


@pytest.fixture
def services(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(place.state_dir))  # for the command line
    with open_services(place) as made:
        execute(made, "TRUNCATE leads, lead_contacts, unscored, deliveries, dead_letters, audit_log, idempotency_keys")
        execute(made, "TRUNCATE scores, score_history, outbox, feature_vectors")
        made.redis.delete("scoring")
        yield made


def buried(services: Services, number: int = 1) -> tuple[list[int], list[int]]:
    """Leads that have died, and their letters."""
    leads = leads_saved(services, number)
    execute(services, "UPDATE unscored SET dead = true, attempts = 5, due = 'infinity', error = 'GiveUp: poison'")
    deaths = [FailedWork({"lead_id": lead}, "GiveUp: poison", 5, datetime.now(UTC)) for lead in leads]
    with services.session() as db:
        dead_letters.add(db, task="scoring.score_leads", failures=deaths)
    return leads, [row["id"] for row in rows(services, "SELECT id FROM dead_letters ORDER BY id")]


def audited(services: Services) -> list[tuple[str, str, str]]:
    found = rows(services, "SELECT actor, action, subject FROM audit_log ORDER BY id")
    return [(row["actor"], row["action"], row["subject"]) for row in found]


# Over HTTP.


def test_nobody_but_an_admin_sees_or_settles(served: Api, services: Services) -> None:
    _, [letter] = buried(services)
    for role in (Role.VIEWER, Role.AGENT, Role.EXECUTIVE):
        assert served.get(PATH, role).status_code == 403
        for verb in ("replay", "discard"):
            assert served.post(f"{PATH}/{letter}/{verb}", None, role).status_code == 403
    assert (value(services, "SELECT count(*) FROM dead_letters"), audited(services)) == (1, [])


def test_a_list_in_pages(served: Api, services: Services) -> None:
    leads, ids = buried(services, 5)
    seen, cursor = [], {}
    while True:
        page = served.get(PATH, limit=2, **cursor).json()
        seen += page["letters"]
        assert page["total"] == 5
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [letter["id"] for letter in seen] == [str(id_) for id_ in reversed(ids)]
    assert seen[-1]["arguments"] == {"lead_id": str(leads[0])}
    assert (seen[0]["error"], seen[0]["attempts"], seen[0]["queue"]) == ("GiveUp: poison", 5, "scoring")
    assert served.get(PATH, cursor="x").json()["pointer"] == "/cursor"


def test_a_replayed_lead_is_scored(served: Api, services: Services) -> None:
    [lead], [letter] = buried(services)
    answer = served.post(f"{PATH}/{letter}/replay", None)
    assert (answer.status_code, answer.json()) == (200, {"id": str(letter), "outcome": "enqueued"})
    assert rows(services, "SELECT dead, attempts, error FROM unscored") == [
        {"dead": False, "attempts": 0, "error": None}
    ]
    assert value(services, "SELECT count(*) FROM dead_letters") == 0
    assert audited(services) == [("test", "dead_letter.replay", f"dead_letter:{letter}")]
    assert services.redis.llen("scoring") == 1
    with in_this_process(services):
        score_leads([lead])
    assert value(services, "SELECT count(*) FROM scores") == 1
    assert served.post(f"{PATH}/{letter}/replay", None).status_code == 404


def test_a_lead_that_a_change_has_reopened_is_left_to_that(served: Api, services: Services) -> None:
    _, [letter] = buried(services)
    save(services, [told(services, "L0", budget=7)])
    execute(services, "UPDATE unscored SET attempts = 3")
    assert served.post(f"{PATH}/{letter}/replay", None).json()["outcome"] == "settled"
    assert rows(services, "SELECT dead, attempts FROM unscored") == [{"dead": False, "attempts": 3}]
    assert services.redis.llen("scoring") == 0


def test_a_discarded_lead_is_owed_again_only_when_it_changes(served: Api, services: Services) -> None:
    _, [letter] = buried(services)
    assert served.post(f"{PATH}/{letter}/discard", None).json()["outcome"] == "discarded"
    assert value(services, "SELECT count(*) FROM unscored") == 0
    assert audited(services) == [("test", "dead_letter.discard", f"dead_letter:{letter}")]
    save(services, [told(services, "L0", budget=7)])
    assert value(services, "SELECT count(*) FROM unscored WHERE NOT dead") == 1


def test_with_redis_away_a_replay_is_owed_all_the_same(celery: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services = celery
    _, [letter] = buried(services)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    result = service6("dead-letters", "replay", str(letter))
    assert (result.exit_code, result.stdout) == (0, "1 enqueued\n")
    assert value(services, "SELECT count(*) FROM unscored WHERE NOT dead") == 1


# Twice.


def keyed(served: Api, path: str, key: str) -> tuple[int, str]:
    answer = served.http.post(path, headers={**served.bearer(), "Idempotency-Key": key})
    return answer.status_code, answer.text


def test_a_key_sent_again_gets_the_first_answer_again(served: Api, services: Services) -> None:
    _, [first, second] = buried(services, 2)
    answers = [keyed(served, f"{PATH}/{first}/replay", "k1") for _ in range(3)]
    assert answers == [(200, f'{{"id":"{first}","outcome":"enqueued"}}')] * 3
    assert len(audited(services)) == 1
    assert keyed(served, f"{PATH}/{second}/replay", "k1")[0] == 422
    assert keyed(served, f"{PATH}/{first}/discard", "k1")[0] == 422
    assert keyed(served, f"{PATH}/{second}/replay", "k2")[0] == 200


@pytest.mark.parametrize("key", ["planted@example.com", "+49-151-98765432", "+1(555)765-4321"])
def test_a_key_that_is_an_address_works_and_is_not_stored(served: Api, services: Services, key: str) -> None:
    _, [letter] = buried(services)
    answers = [keyed(served, f"{PATH}/{letter}/replay", key) for _ in range(2)]
    assert answers == [(200, f'{{"id":"{letter}","outcome":"enqueued"}}')] * 2
    assert len(audited(services)) == 1
    stored = str(value(services, "SELECT string_agg(k::text, ' ') FROM idempotency_keys k"))
    assert not [part for part in ("planted", "98765432", "765-4321") if part in stored]


def test_a_failure_uses_up_no_key(served: Api, services: Services) -> None:
    _, [letter] = buried(services)
    assert keyed(served, f"{PATH}/{letter + 1}/replay", "k")[0] == 404
    assert keyed(served, f"{PATH}/{letter}/replay", "k")[0] == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_that_is_none(served: Api, services: Services, key: str) -> None:
    assert keyed(served, f"{PATH}/1/replay", key)[0] == 400


def test_keys_are_forgotten_after_a_day(services: Services) -> None:
    with services.session() as db:
        assert idempotency_keys.claim(db, "ada", "k", b"x") is None
        idempotency_keys.prune(db, datetime.now(UTC) + timedelta(hours=23))
        assert idempotency_keys.claim(db, "ada", "k", b"x") is not None
        idempotency_keys.prune(db, datetime.now(UTC) + timedelta(hours=25))
        assert idempotency_keys.claim(db, "ada", "k", b"x") is None


def replayed(db: Session, letter: int) -> DeadLetterResolution | None:
    settled = settle_dead_letters.replay(
        db, [letter], actor="ada", now=datetime.now(UTC), grace=timedelta(0), message_leads=100
    )
    return settled[0] if settled else None


def test_of_two_who_settle_one_letter_one_does(services: Services) -> None:
    _, [letter] = buried(services)
    with services.session() as first:
        assert replayed(first, letter) is not None

        def second() -> DeadLetterResolution | None:
            with services.session() as db:
                return replayed(db, letter)

        with aside(second) as other:
            blocked(services.engine)
            first.commit()
            assert other.result() is None
    assert len(audited(services)) == 1


def test_of_two_with_one_key_at_once_the_second_gets_the_firsts_answer(services: Services) -> None:
    _, [letter] = buried(services)

    def asked(db: Session) -> DeadLetterResolution:
        def act() -> DeadLetterResolution:
            settled = replayed(db, letter)
            assert settled is not None, "done twice"
            return settled

        return idempotent(db, "ada", "k", f"replay {letter}", act, DeadLetterResolution)

    with services.session() as first:
        answer = asked(first)

        def second() -> DeadLetterResolution:
            with services.session() as db:
                return asked(db)

        with aside(second) as other:
            blocked(services.engine)
            first.commit()
            assert other.result() == answer


# In the terminal.


def test_the_command_lists_and_settles(celery: Services) -> None:
    services = celery
    leads, ids = buried(services, 4)
    assert f"lead_id={leads[0]}" in service6("dead-letters").stdout
    assert len(json.loads(service6("dead-letters", "list", "--json").stdout)) == 4
    assert json.loads(service6("dead-letters", "--json").stdout)[0]["error"] == "GiveUp: poison"
    missing = service6("dead-letters", "discard", str(ids[0]), "999999")
    assert (missing.exit_code, missing.stderr) == (1, "service6: there is no dead letter 999999; nothing was done\n")
    assert service6("dead-letters", "discard", str(ids[0])).stdout == "1 discarded\n"
    settled = json.loads(service6("dead-letters", "replay", "--all", "--json").stdout)
    assert [one["outcome"] for one in settled] == ["enqueued"] * 3
    assert service6("dead-letters").stdout == "no dead letters\n"
    assert service6("dead-letters", "replay", "--all").stdout == "no dead letters\n"
    assert {actor.partition(":")[0] for actor, _, _ in audited(services)} == {"cli"}
    assert len(audited(services)) == 4


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("x",), ("0",)])
@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_wrong_usage(services: Services, verb: str, arguments: tuple[str, ...]) -> None:
    assert service6("dead-letters", verb, *arguments).exit_code == 2
