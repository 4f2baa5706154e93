"""Scores go back to the CRM: each once, the newest last, none lost; and nobody is asked more than he likes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook
from starlette.responses import JSONResponse, Response

from pipeline.settings.loader import Settings
from pipeline.storage.outbound import outbound_work
from pipeline.vendors.hubspot.client import MOST_REQUESTS
from pipeline.wiring import Services
from tasks.outbound import write_back
from tasks.upkeep import call_out, prune
from tests.integration.outbound.conftest import SIGNING_SECRET, TOKEN, Crowd
from tests.integration.rows import aside, blocked, execute, rows, value
from tests.integration.test_cli import service6
from tests.support.serving import process, worker
from tests.support.vendor_api import Asked, VendorApi, ok, saved
from tests.support.waiting import eventually

OWED = "SELECT count(*) FROM outbound_work WHERE due IS NOT NULL"
FAR = {"budget": 300_000, "lead_source": "referral", "jobtitle": "CEO"}
NEAR = {"budget": 1000, "lead_source": None, "jobtitle": None}


def told(crm: VendorApi) -> list[dict[str, str]]:
    """The properties that HubSpot was asked to write, by request."""
    return [{one["id"]: one["properties"]["service6_score"] for one in asked.json["inputs"]} for asked in crm.asked]


def newest(services: Services) -> str:
    found = value(services, "SELECT DISTINCT score FROM scores")
    return f"{found:.1f}"


def due_again(services: Services) -> None:
    execute(services, "UPDATE outbound_work SET due = now() - interval '1 s' WHERE due IS NOT NULL")
    services.redis.delete("service6:rest:hubspot:crm", "service6:rest:standard:webhook")


# HubSpot.


def test_a_score_is_written_once_and_again_when_it_changes(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    crowd.tell("hubspot", "101", budget=1000)
    write_back("hubspot", "crm")
    [asked] = crm.asked
    assert (asked.path, asked.headers["authorization"]) == ("/crm/v3/objects/contacts/batch/update", f"Bearer {TOKEN}")
    [score] = rows(services, "SELECT score, tier FROM scores")
    properties = {"service6_score": f"{score['score']:.1f}", "service6_tier": score["tier"]}
    assert asked.json == {"inputs": [{"id": "101", "properties": properties}]}
    assert value(services, OWED) == 0

    crowd.tell("hubspot", "101", budget=1001)  # another revision, the same score
    assert value(services, "SELECT max(rev) FROM scores") == 2
    assert value(services, OWED) == 0
    crowd.tell("hubspot", "101", **FAR)
    assert value(services, OWED) == 1
    write_back("hubspot", "crm")
    assert len(crm.asked) == 2


def test_a_hundred_a_request_and_of_each_lead_the_newest(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    leads = [str(n) for n in range(1, 131)]
    crowd.tell("hubspot", *leads, budget=1000)
    crowd.tell("hubspot", *leads, **FAR)
    write_back("hubspot", "crm")
    assert [len(asked) for asked in told(crm)] == [100, 30]
    assert {score for asked in told(crm) for score in asked.values()} == {newest(services)}


def test_a_record_that_is_gone_is_given_up_and_the_others_saved(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    def partly(asked: Asked) -> Response:
        results = [{"id": one["id"]} for one in asked.json["inputs"] if one["id"] not in {"2", "3"}]
        gone = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": ["2"]}}
        return JSONResponse({"results": results, "numErrors": 2, "errors": [gone, {"category": "OTHER"}]}, 207)

    crm.answer = partly
    crowd.tell("hubspot", "1", "2", "3", "not-a-number", budget=1000)
    write_back("hubspot", "crm")
    assert "not-a-number" not in crm.asked[0].body.decode()
    left = rows(services, "SELECT external_id, due IS NULL AS told, error FROM outbound_work ORDER BY external_id")
    assert left == [
        {"external_id": "1", "told": True, "error": None},
        {"external_id": "3", "told": False, "error": "it was not among those saved"},
    ]
    assert value(services, "SELECT count(*) FROM dead_letters") == 0


@pytest.mark.parametrize("bad", [{"37"}, {"1"}, {"100"}, {"12", "80"}])
def test_a_record_that_spoils_its_batch_is_found_and_the_others_saved(
    services: Services, crowd: Crowd, crm: VendorApi, bad: set[str]
) -> None:
    def spoiled(asked: Asked) -> Response:
        if bad & {one["id"] for one in asked.json["inputs"]}:
            return JSONResponse({"status": "error", "category": "VALIDATION_ERROR", "message": "ann@example.com"}, 400)
        return saved(asked)

    crm.answer = spoiled
    crowd.tell("hubspot", *(str(n) for n in range(1, 101)), budget=1000)
    write_back("hubspot", "crm")
    assert value(services, OWED) == 0
    dead = rows(services, "SELECT external_id, error FROM outbound_work WHERE dead ORDER BY lead_id")
    assert dead == [{"external_id": one, "error": "it answers 400 VALIDATION_ERROR"} for one in sorted(bad, key=int)]
    assert value(services, "SELECT count(*) FROM dead_letters") == len(bad)
    assert len(crm.asked) <= 1 + MOST_REQUESTS


def test_what_no_record_is_to_blame_for_puts_off_the_whole_batch(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crm.answer = lambda _: JSONResponse({"status": "error", "category": "VALIDATION_ERROR"}, 400)
    crowd.tell("hubspot", *(str(n) for n in range(1, 31)), budget=1000)
    write_back("hubspot", "crm")
    assert len(crm.asked) == 3  # the batch, its first and its last
    assert value(services, OWED) == 30
    assert value(services, "SELECT count(*) FROM dead_letters") == 0


def test_of_too_many_that_spoil_a_batch_the_rest_is_tried_again(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    def spoiled(asked: Asked) -> Response:
        if any(int(one["id"]) % 10 == 5 for one in asked.json["inputs"]):
            return JSONResponse({"status": "error", "category": "VALIDATION_ERROR"}, 400)
        return saved(asked)

    crm.answer = spoiled
    crowd.tell("hubspot", *(str(n) for n in range(1, 101)), budget=1000)
    for _ in range(8):
        due_again(services)
        write_back("hubspot", "crm")
        if not value(services, OWED):
            break
    assert value(services, OWED) == 0
    assert value(services, "SELECT count(*) FROM outbound_work WHERE dead") == 10


def test_retry_after_is_honoured_for_all_that_is_owed(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    crm.answer = lambda _: Response(status_code=429, headers={"Retry-After": "120"})
    crowd.tell("hubspot", "1", budget=1000)
    write_back("hubspot", "crm")
    assert value(services, "SELECT due - now() > interval '100 s' FROM outbound_work")
    crowd.tell("hubspot", "2", budget=1000)
    write_back("hubspot", "crm")
    assert len(crm.asked) == 1
    assert 100 < services.redis.ttl("service6:rest:hubspot:crm") <= 120


def test_a_refused_token_is_told_once(
    services: Services, crowd: Crowd, crm: VendorApi, caplog: pytest.LogCaptureFixture
) -> None:
    crm.answer = lambda _: Response(status_code=401)
    crowd.tell("hubspot", "1", budget=1000)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            write_back("hubspot", "crm")
            due_again(services)
    assert len(crm.asked) == 3
    [line] = [record.getMessage() for record in caplog.records if "left alone" in record.getMessage()]
    assert "does not let us in (401)" in line
    assert TOKEN not in line
    crm.answer = saved
    write_back("hubspot", "crm")
    assert value(services, OWED) == 0


def test_nobody_is_asked_more_often_than_configured(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    budget = services.calls_budget("crm", services.settings.sources["hubspot"].crm.requests)  # type: ignore[union-attr]
    while (taken := budget.take("hubspot")) and taken.allowed:
        pass
    crowd.tell("hubspot", "1", budget=1000)
    write_back("hubspot", "crm")
    assert (crm.asked, value(services, OWED)) == ([], 1)


def test_a_newer_score_that_comes_while_one_is_sent_is_sent_afterwards(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crowd.tell("hubspot", "1", budget=1000)
    crm.hold()
    with aside(lambda: write_back("hubspot", "crm")) as sending:
        eventually(lambda: len(crm.asked) == 1)
        crowd.tell("hubspot", "1", **FAR)
        crm.let_go.set()
        sending.result()
    assert value(services, OWED) == 0  # the same round has found it
    first, second = told(crm)
    assert first != second
    assert second["1"] == newest(services)


def test_a_newer_score_noted_at_the_moment_of_settling_stays_owed(services: Services, crowd: Crowd) -> None:
    [lead] = crowd.tell("hubspot", "1", budget=1000)
    now = datetime.now(UTC)
    with services.session() as db:
        [one] = outbound_work.claim(db, "hubspot", "crm", lease="a", now=now, until=now + timedelta(60), limit=9)
    note = outbound_work.WriteBackPayload(lead, "crm", "hubspot", "1", one.rev + 1, 99.0, "A", None)
    with services.session() as publisher:
        outbound_work.delete_published_and_enqueue(publisher, [], [note], now)

        def settle() -> None:
            with services.session() as db:
                outbound_work.complete(db, "crm", "a", [one], now)

        with aside(settle) as settling:
            blocked(services.engine)
            publisher.commit()
            settling.result()
    assert rows(services, "SELECT rev, due <= now() AS due, lease FROM outbound_work") == [
        {"rev": one.rev + 1, "due": True, "lease": None}
    ]


def test_who_lost_the_lease_settles_nothing(services: Services, crowd: Crowd) -> None:
    crowd.tell("hubspot", "1", budget=1000)
    now = datetime.now(UTC)
    with services.session() as db:
        [one] = outbound_work.claim(db, "hubspot", "crm", lease="a", now=now, until=now, limit=9)
        assert outbound_work.claim(db, "hubspot", "crm", lease="b", now=now, until=now + timedelta(60), limit=9)
        assert outbound_work.claim(db, "hubspot", "crm", lease="c", now=now, until=now + timedelta(60), limit=9) == []
        outbound_work.complete(db, "crm", "a", [one], now)
        outbound_work.delete(db, "crm", "a", [one])
    assert value(services, "SELECT lease FROM outbound_work") == "b"


def test_two_workers_never_take_the_same(services: Services, crowd: Crowd) -> None:
    crowd.tell("hubspot", "1", "2", "3", budget=1000)
    now = datetime.now(UTC)
    later = now + timedelta(60)
    with services.session() as first, services.session() as second:
        [one] = outbound_work.claim(first, "hubspot", "crm", lease="a", now=now, until=later, limit=1)
        others = outbound_work.claim(second, "hubspot", "crm", lease="b", now=now, until=later, limit=9)
    assert {one.lead_id, *(other.lead_id for other in others)} == {1, 2, 3}
    assert len(others) == 2


def test_a_worker_that_is_killed_while_it_sends_loses_nothing(
    services: Services, calling: Settings, crowd: Crowd, crm: VendorApi
) -> None:
    """Publisher, worker and all: what was saved arrives, again if need be."""
    crm.hold()
    with process("publisher", ("workers.publisher",), calling):
        with worker(calling, "outbound") as run:
            crowd.publisher.publish = lambda: 0  # type: ignore[method-assign]
            crowd.tell("hubspot", "1", "2", budget=1000)
            services.stream.hint()
            eventually(lambda: value(services, OWED) == 2)
            call_out()
            eventually(lambda: len(crm.asked) == 1, within_s=40)
            run.kill()
        crm.let_go.set()
        assert value(services, OWED) == 2
        with worker(calling, "outbound"):
            eventually(lambda: (call_out(), value(services, OWED) == 0)[1], within_s=40, every_s=0.2)
    assert told(crm)[0] == told(crm)[1]


# Anybody else: Standard Webhooks.


def test_a_webhook_is_signed_bears_the_same_id_each_time_and_no_value(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crm.answer = lambda _: Response(status_code=500)
    crowd.tell("standard", "L1", budget=7531, email="ann@example.com", job_title="CEO")
    write_back("standard", "webhook")
    crm.answer = ok
    due_again(services)
    write_back("standard", "webhook")
    first, second = crm.asked[0], crm.asked[-1]  # a slow machine may have tried between
    assert first.path == "/told"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    event = Webhook(SIGNING_SECRET).verify(second.body, second.headers)
    [score] = rows(services, "SELECT lead_id, rev, tier FROM scores")
    assert (event["type"], event["data"]["external_id"]) == ("lead.scored", "L1")
    assert (event["data"]["score"]["rev"], event["data"]["score"]["tier"]) == (score["rev"], score["tier"])
    assert event["data"]["score"]["factors"]
    assert b"ann@example" not in second.body
    assert b"7531" not in second.body
    assert value(services, OWED) == 0


def test_gone_for_good_is_a_dead_letter_that_can_be_replayed(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    crm.answer = lambda _: Response(status_code=410)
    [lead] = crowd.tell("standard", "L1", budget=1000)
    write_back("standard", "webhook")
    [letter] = rows(services, "SELECT id, queue, task, arguments, attempts FROM dead_letters")
    assert (letter["queue"], letter["task"]) == ("outbound", "outbound.write_back")
    assert letter["arguments"] == {"lead_id": lead, "target": "webhook"}
    assert "0 scores of standard owed to its webhook, the oldest for 0.0 s; 1 dead" in service6("queues").stdout
    assert service6("dead-letters", "replay", "--all").stdout == "1 enqueued\n"
    crm.answer = ok
    due_again(services)
    write_back("standard", "webhook")
    assert [asked.headers["webhook-id"] for asked in crm.asked] == [f"score_{lead}_1"] * 2
    assert value(services, "SELECT count(*) FROM dead_letters") == 0


def test_a_replayed_letter_tells_the_newest_score_also_if_it_was_told_before(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crowd.tell("hubspot", "101", budget=1000)
    write_back("hubspot", "crm")
    execute(services, "UPDATE outbound_work SET attempts = 1, since = since - interval '73 hours', due = now()")
    crowd.tell("hubspot", "101", **FAR)
    prune()
    assert value(services, "SELECT count(*) FROM dead_letters") == 1
    crowd.tell("hubspot", "101", **NEAR)
    assert value(services, OWED) == 0
    assert service6("dead-letters", "replay", "--all").stdout == "1 enqueued\n"
    due_again(services)
    write_back("hubspot", "crm")
    first, last = told(crm)
    assert first == last == {"101": newest(services)}


def test_a_discarded_letter_is_told_again_only_with_a_new_score(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crm.answer = lambda _: Response(status_code=410)
    crowd.tell("standard", "L1", budget=1000)
    write_back("standard", "webhook")
    assert service6("dead-letters", "discard", "--all").stdout == "1 discarded\n"
    assert rows(services, "SELECT dead, due, body FROM outbound_work") == [{"dead": False, "due": None, "body": None}]
    crowd.tell("standard", "L1", lead_source="referral")
    assert value(services, OWED) == 1


def test_after_72_hours_it_is_a_dead_letter_and_a_new_score_reopens_it(
    services: Services, crowd: Crowd, crm: VendorApi
) -> None:
    crm.answer = lambda _: Response(status_code=500)
    crowd.tell("standard", "L1", budget=1000)
    write_back("standard", "webhook")
    execute(services, "UPDATE outbound_work SET since = since - interval '71 hours'")
    prune()
    assert value(services, OWED) == 1
    execute(services, "UPDATE outbound_work SET since = since - interval '1 hour'")
    prune()
    assert value(services, OWED) == 0
    assert rows(services, "SELECT error FROM dead_letters") == [{"error": "it answers 500"}]
    crowd.tell("standard", "L1", lead_source="referral")
    assert rows(services, "SELECT dead, attempts FROM outbound_work WHERE due IS NOT NULL") == [
        {"dead": False, "attempts": 0}
    ]
    assert service6("dead-letters", "replay", "--all").stdout == "1 settled\n"


def test_nobody_listens(services: Services, crowd: Crowd, crm: VendorApi) -> None:
    crm.hold()
    crowd.tell("standard", "L1", budget=1000)
    write_back("standard", "webhook")
    assert rows(services, "SELECT error, attempts, lease FROM outbound_work WHERE due IS NOT NULL") == [
        {"error": "no answer within 1.5 s", "attempts": 1, "lease": None}
    ]


# The whole.


def test_upkeep_tells_of_what_is_due_and_waits_until_it_is_taken(services: Services, crowd: Crowd) -> None:
    call_out()
    assert services.redis.llen("outbound") == 0
    crowd.tell("hubspot", "1", budget=1000)
    crowd.tell("standard", "L1", budget=1000)
    call_out()
    call_out()
    assert services.redis.llen("outbound") == 2


def test_what_is_noted_and_what_is_published_are_one(services: Services, crowd: Crowd) -> None:
    """A publisher that fails to note discards nothing."""
    execute(services, "ALTER TABLE outbound_work ADD CONSTRAINT none CHECK (rev < 0)")
    with pytest.raises(Exception, match="refused the values"):
        crowd.tell("hubspot", "1", budget=1000)
    assert value(services, "SELECT count(*) FROM outbox") == 1
    execute(services, "ALTER TABLE outbound_work DROP CONSTRAINT none")
    crowd.publisher.publish()
    assert (value(services, "SELECT count(*) FROM outbox"), value(services, OWED)) == (0, 1)


def test_a_source_that_asks_for_nothing_is_owed_nothing(services: Services, crowd: Crowd) -> None:
    crowd.tell("zoho", "1", budget=1000)
    with services.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM outbound_work")).scalar_one() == 0
