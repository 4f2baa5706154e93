"""Models and trainings over HTTP and in a terminal: who may see and decide what, once however often it is sent."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from websockets.sync.client import ClientConnection, connect

import cli
from commands import training_follower
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions
from pipeline.storage.operations import alarms
from pipeline.wiring import Services
from schemas.access import Role
from schemas.alarm import AlarmName
from schemas.feed import PATH
from schemas.training import TrainingState
from tasks.scoring import score_leads
from tasks.upkeep import keep_trainings
from tests.integration.learned import found, history, in_charge, learned
from tests.integration.rows import execute, rows, value
from tests.support.serving import Api, api, in_this_process, open_services, process, worker
from tests.support.waiting import eventually
from tests.unit.pipeline.learning.leads import examples

CARD_SAYS = """
    UPDATE model_versions SET card = jsonb_set(card, '{readiness}', to_jsonb(CAST(:readiness AS text)))
     WHERE version = :version
"""
OTHERS = (Role.AGENT, Role.VIEWER)


@pytest.fixture(scope="module")
def made(place: Settings) -> Iterator[SimpleNamespace]:
    """Two models, and an API."""
    with open_services(place) as services, in_this_process(services), api(place) as running:
        history(services, examples(400))
        first = learned(services).version
        history(services, examples(600)[400:], "more")
        second = learned(services).version
        yield SimpleNamespace(services=services, api=running, first=first, second=second)


@pytest.fixture(autouse=True)
def nobody_in_charge(made: SimpleNamespace) -> None:
    execute(
        made.services, "UPDATE model_versions SET stage = 'candidate', promotion_seq = NULL WHERE engine = 'glassbox'"
    )
    execute(made.services, "DELETE FROM trainings WHERE state = 'waiting'")


def test_models_are_listed_and_shown_whole_to_those_who_oversee(made: SimpleNamespace) -> None:
    for role in (Role.ADMIN, Role.EXECUTIVE):
        listed = made.api.get("/api/v1/models", role).json()
        assert [one["version"] for one in listed["models"]] == [made.second, made.first]
        assert (listed["champion"], listed["alarms"]) == (None, [])
        shown = made.api.get(f"/api/v1/models/{made.first}", role).json()
        assert shown["card"]["readiness"] == listed["models"][1]["readiness"]
        assert {axis["attribute"] for shape in shown["shapes"] for axis in shape["axes"]} >= {"visits", "source"}
        assert shown["training"]["contest"]["promoted"] is False
        assert (shown["accuracy"], shown["drift"]) == (None, None)
    assert made.api.get("/api/v1/models/glassbox-none").status_code == 404
    for role in OTHERS:
        for path in ("/api/v1/models", f"/api/v1/models/{made.first}", "/api/v1/trainings"):
            assert made.api.get(path, role, ["ann"]).status_code == 403


def test_an_admin_alone_promotes_and_reverts(made: SimpleNamespace) -> None:
    for role in (Role.EXECUTIVE, *OTHERS):
        for path, body in ((f"/models/{made.first}/promote", {}), ("/models/revert", None), ("/trainings", {})):
            assert made.api.http.post(f"/api/v1{path}", json=body, headers=made.api.bearer(role)).status_code == 403
    assert made.api.post("/api/v1/models/revert", None).status_code == 409
    promoted = made.api.post(f"/api/v1/models/{made.first}/promote", {}).json()
    assert promoted == {"champion": made.first, "before": None, "stale": 0}
    assert made.api.post(f"/api/v1/models/{made.second}/promote", {}).json()["before"] == made.first
    assert made.api.post("/api/v1/models/revert", None).json() == {
        "champion": made.first,
        "before": made.second,
        "stale": 0,
    }
    assert in_charge(made.services) == [made.first]
    actions = rows(made.services, "SELECT actor, action FROM audit_log ORDER BY id DESC LIMIT 3")
    assert actions == [{"actor": "test", "action": action} for action in ("revert", "promote", "promote")]


def test_a_promotion_that_is_sent_twice_is_done_once(made: SimpleNamespace) -> None:
    noted = value(made.services, "SELECT count(*) FROM audit_log")
    headers = {**made.api.bearer(), "Idempotency-Key": "promote-once"}
    path = f"/api/v1/models/{made.first}/promote"
    answers = [made.api.http.post(path, json={}, headers=headers).json() for _ in range(2)]
    assert answers == [{"champion": made.first, "before": None, "stale": 0}] * 2
    assert value(made.services, "SELECT count(*) FROM audit_log") == noted + 1


def test_a_model_that_is_not_ready_is_promoted_only_if_one_says_so(made: SimpleNamespace) -> None:
    execute(made.services, CARD_SAYS, version=made.second, readiness="not ready")
    path = f"/api/v1/models/{made.second}/promote"
    assert made.api.post(path, {}).status_code == 409
    assert in_charge(made.services) == []
    assert made.api.post(path, {"anyway": True}).status_code == 200
    execute(made.services, CARD_SAYS, version=made.second, readiness="fair")


def test_the_age_of_a_promotion_is_that_of_the_last_one_also_after_a_reversal(made: SimpleNamespace) -> None:
    times = []
    for act in (
        lambda db: champions.promote(db, made.first),
        lambda db: champions.promote(db, made.second),
        champions.revert,
    ):
        with made.services.session() as db:
            act(db)
        times.append(value(made.services, "SELECT promoted_at FROM model_versions WHERE stage = 'champion'"))
    assert times == sorted(set(times))
    # And a second reversal goes further back, not to and fro.
    with made.services.session() as db:
        assert champions.revert(db) == (made.first, None)


def test_a_training_is_asked_for_and_followed(made: SimpleNamespace) -> None:
    made.services.redis.delete("learning")
    asked = made.api.post("/api/v1/trainings", {"without": ["visits"]}).json()
    assert (asked["state"], asked["actor"], asked["wishes"]["without"]) == ("waiting", "test", ["visits"])
    assert made.services.redis.llen("learning") == 1
    assert made.api.post("/api/v1/trainings", {"without": ["visits"]}).json()["id"] == asked["id"]
    assert made.api.post("/api/v1/trainings", {}).status_code == 409
    assert made.api.get(f"/api/v1/trainings/{asked['id']}", Role.EXECUTIVE).json() == asked
    assert made.api.get("/api/v1/trainings").json()["trainings"][0] == asked
    assert made.api.get("/api/v1/trainings/999999").status_code == 404


def test_alarms_reach_those_who_oversee_and_nobody_else(made: SimpleNamespace) -> None:
    publisher = process("publisher", ("workers.publisher",), made.services.settings)
    with publisher, feed(made.api, Role.ADMIN) as admin, feed(made.api, Role.VIEWER) as viewer:
        for socket in (admin, viewer):
            socket.send(json.dumps({"t": "subscribe", "topics": ["metrics", "leads"]}))
            heard(socket, "subscribed")
        now = datetime.now(UTC)
        with made.services.session() as db:
            assert alarms.raise_alarm(db, AlarmName.DRIFT, subject="glassbox-1", detail="other leads", at=now)
        with made.services.session() as db:
            assert not alarms.raise_alarm(db, AlarmName.DRIFT, subject="glassbox-1", detail="other leads still", at=now)
        made.services.stream.hint()
        [event] = heard(admin, "changes")["events"]
        assert (event["kind"], event["key"], event["rev"]) == ("alarm", "alarm:drift", 1)
        assert (event["body"]["state"], event["body"]["detail"]) == ("raised", "other leads")
        assert made.api.get("/api/v1/models").json()["alarms"] == [event["body"]]
        assert 'service6_alarm{name="drift"} 1.0' in made.api.get("/metrics").text
        viewer.send('{"t": "ping"}')
        assert heard(viewer, "heartbeat", "changes")["t"] == "heartbeat"
        with made.services.session() as db:
            assert alarms.clear_alarm(db, AlarmName.DRIFT, detail="over", at=now)
        assert heard(admin, "changes")["events"][0]["body"]["state"] == "cleared"
    assert made.api.get("/api/v1/models").json()["alarms"] == []


def feed(running: Api, role: Role) -> ClientConnection:
    return connect(running.url.replace("http", "ws") + PATH, additional_headers=running.bearer(role), proxy=None)


def heard(socket: ClientConnection, *kinds: str) -> Any:
    """The next message of one of these kinds."""
    while (said := json.loads(socket.recv(timeout=20)))["t"] not in kinds:
        pass
    return said


# In a terminal.


def test_a_training_that_nobody_takes_says_what_to_do(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_follower, "HEARTBEAT_WITHIN_S", 0.2)
    result = service6(made.services, "train")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no worker takes it: `service6 up` starts one" in result.stderr
    waiting = value(made.services, "SELECT id FROM trainings WHERE state = 'waiting'")
    assert f"`service6 train --follow {waiting}`" in result.stderr
    assert service6(made.services, "train", "--follow", "999999").exit_code == 1
    assert service6(made.services, "train", "--follow", "1", "--without", "visits").exit_code == 2


def test_a_training_by_the_worker_prints_its_card_and_what_was_decided(made: SimpleNamespace) -> None:
    with made.services.session() as db:
        champions.promote(db, made.second)
    with worker(made.services.settings, "learning"):
        result = service6(made.services, "train", "--without", "visits", "--json")
        assert result.exit_code == 0, result.stderr
        told = json.loads(result.stdout)
        assert {"attribute": "visits", "reason": "not wanted"} in told["card"]["left_out"]
        assert told["training"]["contest"]["against"] == made.second
        again = service6(made.services, "train", "--follow", told["training"]["id"])
    assert told["version"] in again.stdout
    assert "not promoted: " in again.stdout
    assert told["version"] in service6(made.services, "models", "trainings").stdout
    assert found(made.services, int(told["training"]["id"])).state == TrainingState.DONE


def service6(services: Services, *arguments: str) -> Result:
    return CliRunner().invoke(cli.main, [*arguments, "--state-dir", str(services.settings.state_dir)])


def test_what_waits_is_taken_when_a_worker_comes(made: SimpleNamespace) -> None:
    asked = made.api.post("/api/v1/trainings", {"without": ["source"]}).json()
    with worker(made.services.settings, "learning"):
        eventually(lambda: found(made.services, int(asked["id"])).state == TrainingState.DONE, within_s=60)


def test_of_a_damaged_model_the_card_is_shown(made: SimpleNamespace) -> None:
    whole = value(made.services, "SELECT artefact FROM model_versions WHERE version = :v", v=made.first)
    execute(made.services, "UPDATE model_versions SET artefact = '{}' WHERE version = :v", v=made.first)
    shown = made.api.get(f"/api/v1/models/{made.first}")
    restore = "UPDATE model_versions SET artefact = CAST(:whole AS jsonb) WHERE version = :v"
    execute(made.services, restore, whole=json.dumps(whole), v=made.first)
    assert shown.status_code == 200
    assert shown.json()["shapes"] == []
    assert shown.json()["card"]["method"]


def test_scores_are_counted_after_the_lock_is_given_back(made: SimpleNamespace) -> None:
    """Somebody holds the scores: the promotion is there all the same, and others may promote."""
    with ThreadPoolExecutor(1) as pool, made.services.session() as db:
        db.execute(text("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE"))
        asked = pool.submit(made.api.post, f"/api/v1/models/{made.first}/promote", {})
        eventually(lambda: in_charge(made.services) == [made.first])
        with made.services.session() as other:
            assert champions.promote(other, made.second).before == made.first
        db.commit()
        assert asked.result().json()["champion"] == made.first


def test_an_outcome_that_a_signed_webhook_tells_moves_the_accuracy(made: SimpleNamespace) -> None:
    assert made.api.post(f"/api/v1/models/{made.first}/promote", {}).status_code == 200
    made.services._champion_read = 0.0
    assert made.api.tell("judged", source="referral", visits=7).is_success
    lead = value(made.services, "SELECT id FROM leads WHERE external_id = 'judged'")
    score_leads([lead])
    score = value(made.services, "SELECT score FROM scores WHERE lead_id = :lead", lead=lead)
    assert made.api.get(f"/api/v1/models/{made.first}").json()["accuracy"] is None
    assert made.api.tell("judged", outcome="won").is_success
    keep_trainings()
    found = made.api.get(f"/api/v1/models/{made.first}").json()["accuracy"]
    assert (found["leads"], found["won"], found["came"]) == (1, 1, 1)
    assert found["promised"] == pytest.approx(score / 100, abs=1e-3)
