"""The doors of the CRMs, knocked at over HTTP: what is refused stores nothing, what is accepted is durable."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx2
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from pipeline.settings.loader import Settings
from pipeline.storage.platform import migrate
from pipeline.wiring import Services
from tests.integration.rows import blocked, execute, rows, value
from tests.support.directories import directory
from tests.support.serving import Api, api, delivery, open_services, process, signed, worker
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import BROKER
from workers.supervisor.program import ProgramRun

SMALL = {"SERVICE6_INTAKE__QUEUE_REQUESTS": "60", "SERVICE6_INTAKE__GROUP_SIZE": "60"}


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api(place, **SMALL) as running:
        yield running


@pytest.fixture
def services(place: Settings) -> Iterator[Services]:
    with open_services(place) as made:
        execute(made, "TRUNCATE leads, lead_contacts, unscored, deliveries")
        yield made


def stored(services: Services) -> int:
    return int(value(services, "SELECT (SELECT count(*) FROM leads) + (SELECT count(*) FROM deliveries)"))


@contextmanager
def one_more(served: Api, answer: int, source: str = "standard") -> Iterator[None]:
    """One webhook more is counted under this answer, and none under another."""
    before = served.webhooks()
    yield
    after = served.webhooks()
    changed = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    assert changed == {(source, str(answer)): 1}


def refused(response: httpx2.Response, status: int) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, body["status"]) == (status, status)
    assert body["title"]
    assert body["detail"]
    return body


def test_a_signed_webhook_is_accepted_and_durable(served: Api, services: Services) -> None:
    with one_more(served, 202):
        answer = served.tell("L1", budget=5)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert rows(services, "SELECT external_id, attributes FROM leads") == [
        {"external_id": "L1", "attributes": {"budget": 5}}
    ]


# Who may knock.


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "garbage"},
        {"webhook-signature": ""},
        {"webhook-id": "another"},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": "nan"},
    ],
)
def test_a_wrong_signature(served: Api, services: Services, changed: dict[str, str]) -> None:
    with one_more(served, 401):
        refused(served.send(delivery("L1"), **changed), 401)
    assert stored(services) == 0


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_stale_timestamp(served: Api, services: Services, minutes: int) -> None:
    body = delivery("L1")
    headers = served.signed(body, at=datetime.now(UTC) + timedelta(minutes=minutes))
    with one_more(served, 401):
        refused(served.http.post("/webhooks/standard", content=body, headers=headers), 401)
    assert stored(services) == 0


@pytest.mark.parametrize("source", ["nobody", "hubspot", "STANDARD", "%00"])
def test_an_unknown_source(served: Api, services: Services, source: str) -> None:
    with one_more(served, 404, "unknown"):
        refused(served.send(delivery("L1"), source), 404)
    assert stored(services) == 0


def test_a_source_without_a_secret_is_closed(place: Settings) -> None:
    with api(place, "closed", SERVICE6_WEBHOOK_SECRET_STANDARD=" ") as running:
        refused(running.tell("L1"), 404)


def test_two_secrets_are_active_while_one_is_rotated(place: Settings, services: Services) -> None:
    secrets = [f"whsec_{word * 8}" for word in ("AAAA", "BBBB", "CCCC")]
    with api(place, "rotating", SERVICE6_WEBHOOK_SECRET_STANDARD=" ".join(secrets[:2])) as running:
        answers = []
        for secret in secrets:
            other = place.model_copy(update={"webhook_secrets": {"standard": (SecretStr(secret),)}})
            body = delivery("L1")
            headers = signed(other, body)
            answers.append(running.http.post("/webhooks/standard", content=body, headers=headers).status_code)
    assert answers == [202, 202, 401]


# What they may bring.


def _once(lead: Any, **attributes: Any) -> bytes:
    """The same bytes in every process that collects these tests."""
    return delivery(lead, at=datetime(2026, 11, 22, tzinfo=UTC), **attributes)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"budget=5", ""),
        (b'{"type": "x"', ""),
        (b"\xff\xfe", None),  # no text, so no signature
        (b"[" * 100_000, ""),
        (b"[]", ""),
        (b"null", ""),
        (b'{"timestamp": "2026-11-22T12:00:00Z", "data": {"id": 1}}', "/type"),
        (b'{"type": "x", "data": {"id": 1}}', "/timestamp"),
        (b'{"type": "x", "timestamp": "2026-11-22T12:00:00", "data": {"id": 1}}', "/timestamp"),
        (b'{"type": "x", "timestamp": "now", "data": {"id": 1}}', "/timestamp"),
        (b'{"type": "x", "timestamp": "2026-11-22T12:00:00Z"}', "/data"),
        (b'{"type": "x", "timestamp": "2026-11-22T12:00:00Z", "data": []}', "/data"),
        (b'{"type": "x", "timestamp": "2026-11-22T12:00:00Z", "data": {}}', "/data/id"),
        (_once(""), "/data/id"),
        (_once("x" * 201), "/data/id"),
        (_once("a\0b"), "/data/id"),
        (_once({"no": "id"}), "/data/id"),
        (_once(True), "/data/id"),
        (_once("L1", budget=float("nan")), ""),
        (_once("L1", budget=1e308), "/data/budget"),
        (_once("L1", deep={"a/b": {"c": 10**30}}), "/data/deep/a~1b/c"),
        (_once("L1", note="x" * 10_001), "/data/note"),
        (_once("L1", **{f"a{n}": n for n in range(501)}), "/data"),
        (_once("L1", **{"n" * 201: 1}), "/data/" + "n" * 194),
    ],
)
def test_a_wrong_shape_is_told_with_its_place(
    served: Api, services: Services, body: bytes, pointer: str | None
) -> None:
    if pointer is None:
        refused(served.send(body), 401)
        return
    with one_more(served, 400):
        problem = refused(served.send(body), 400)
    assert problem["pointer"] == pointer
    assert stored(services) == 0


def test_a_deliverys_id_has_a_bound(served: Api, services: Services) -> None:
    """An index row has one, and PostgreSQL's refusal would look like a server in trouble."""
    body = delivery("L1")
    long = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=4000))
    headers = served.signed(body, delivery_id=long)
    refused(served.http.post("/webhooks/standard", content=body, headers=headers), 400)
    assert stored(services) == 0


def test_a_body_over_one_mebibyte(served: Api, services: Services) -> None:
    body = delivery("L1", note="x" * (1024 * 1024))
    with one_more(served, 413):
        refused(served.send(body), 413)

    def parts() -> Iterator[bytes]:
        yield from (body[n : n + 65536] for n in range(0, len(body), 65536))

    with one_more(served, 413):  # without a length header
        refused(served.http.post("/webhooks/standard", content=parts(), headers=served.signed(body)), 413)
    assert stored(services) == 0


def test_other_methods_and_addresses_are_problems_too(served: Api) -> None:
    wrong = served.http.get("/webhooks/standard")
    refused(wrong, 405)
    assert wrong.headers["Allow"] == "POST"
    refused(served.http.post("/api/v1/nothing", json={}), 404)
    refused(served.http.post("/app.js", json={}), 405)
    assert served.http.delete("/api/v1/leads").headers["content-type"] == "application/problem+json"


ABSURD: list[dict[str, Any]] = [
    {"note": "\0 \u202e \ufeff"},
    {"budget": "1e308", "visits": "nan", "timeline": "-Infinity"},
    {"note": "x" * 10_000},
    {f"a{n}": n for n in range(500)},
    {"deep": {"er": {"and": {"deeper": [1, {"2": [3]}]}}}},
    {"🎉": "🎉" * 1000, "שלום": "עולם", "مرحبا": "بالعالم"},
    {"budget": 10**18 - 1, "visits": -(10**18) + 1},
    {"budget": True, "source": 7, "last_activity_at": "9999-12-31T23:59:59-23:59"},
    {"last_activity_at": "0001-01-01T00:00:00+23:59", "outcome": "won"},
    {"$stage": "x", "*": 1, "@email": "y", "_": None},
    {"": {"nested under no name": 1}},
    {"stage": "s" * 9_999, "owner": "🎉" * 3000},
]

FULL = 3  # of these holds as many attributes as a lead may


def test_absurd_leads_are_scored_and_spoil_no_other(served: Api, services: Services, place: Settings) -> None:
    bodies = [delivery(f"absurd-{n}", **attributes) for n, attributes in enumerate(ABSURD)]
    early = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    bodies.append(delivery("absurd-early", at=early, outcome="won", stage="won", owner="ann"))
    bad = [delivery("bad-1", budget=1e308), delivery("a\0b"), b"{"]
    good = [delivery(f"good-{n}", budget=n) for n in range(30)]
    answers = in_one_group(served, services, bodies + bad + good, refused_at_the_door=len(bad))
    accepted = [code == 202 for code in answers]
    assert accepted == [True] * len(bodies) + [False] * len(bad) + [True] * len(good)
    with worker(place):
        eventually(lambda: value(services, "SELECT count(*) FROM unscored") == 0, within_s=60)
    assert value(services, "SELECT count(*) FROM scores") == len(bodies) + len(good)
    for row in rows(services, "SELECT id FROM leads WHERE external_id LIKE 'absurd%'"):
        answer = served.get(f"/api/v1/leads/{row['id']}")
        assert answer.status_code == 200, row
        assert 0 <= answer.json()["score"]["score"] <= 100
    again = [delivery(json.loads(body)["data"]["id"], note="again") for body in bodies]
    assert [served.send(body).status_code for body in again] == [202 if n != FULL else 400 for n in range(len(again))]


def test_one_lead_that_outgrows_its_bounds_spoils_no_other_of_its_group(served: Api, services: Services) -> None:
    """Each of these passes the door; only the transaction finds that one of them is too much."""
    assert served.tell("full", **{f"a{n}": n for n in range(500)}).status_code == 202
    bodies = [delivery(f"good-{n}", budget=n) for n in range(49)]
    bodies.insert(20, delivery("full", one_more=1))
    answers = in_one_group(served, services, bodies)
    assert [n for n, code in enumerate(answers) if code != 202] == [20]
    assert answers[20] == 400
    assert value(services, "SELECT count(*) FROM leads") == 50
    assert value(services, "SELECT count(*) FROM deliveries") == 50


def in_one_group(served: Api, services: Services, bodies: list[bytes], *, refused_at_the_door: int = 0) -> list[int]:
    """Answers to requests that come while the writer is held, so that they share the next transaction."""
    with ThreadPoolExecutor(len(bodies) + 1) as pool, writer_held(served, services, pool):
        requests = [pool.submit(served.send, body) for body in bodies]
        eventually(lambda: sum(request.done() for request in requests) == refused_at_the_door)
        eventually(lambda: connections(served) > len(bodies) - refused_at_the_door)
    return [request.result().status_code for request in requests]


@contextmanager
def writer_held(served: Api, services: Services, pool: ThreadPoolExecutor) -> Iterator[None]:
    """The writer has a group in hand and cannot save it until the context ends; that group leaves no trace."""
    held = delivery("held")
    headers = served.signed(held, delivery_id="held")
    with services.engine.connect() as holder:
        holder.execute(text("INSERT INTO deliveries (source, delivery_id) VALUES ('standard', 'held')"))
        first = pool.submit(served.http.post, "/webhooks/standard", content=held, headers=headers)
        blocked(services.engine)
        try:
            yield
        finally:
            holder.commit()  # a delivery that was seen
    assert first.result().status_code == 202
    execute(services, "DELETE FROM deliveries WHERE delivery_id = 'held'")


def connections(served: Api) -> int:
    """Clients that are connected now."""
    found = psutil.Process(served.run.pid).net_connections("tcp")
    port = httpx2.URL(served.url).port
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in found)


@pytest.mark.parametrize("ahead_s", [0, 1, 100, 290])
def test_deliveries_of_a_fast_clock_end_alike_in_any_order(served: Api, services: Services, ahead_s: int) -> None:
    moments = [datetime.now(UTC) + timedelta(seconds=ahead_s + n / 10) for n in range(4)]
    bodies = [delivery("fast", at=at, budget=n, stage=f"s{n}") for n, at in enumerate(moments)]
    for body in random.sample(bodies[1:], 3) + bodies[:1]:
        assert served.send(body).status_code == 202
    [lead] = rows(services, "SELECT attributes, stage, active_at FROM leads")
    assert (lead["attributes"], lead["stage"]) == ({"budget": 3}, "s3")
    assert lead["active_at"] <= datetime.now(UTC)


# When it is too much, and when a server is away.


def test_a_full_queue_says_when_to_come_again(served: Api, services: Services) -> None:
    before = served.webhooks()
    with ThreadPoolExecutor(101) as pool, writer_held(served, services, pool):
        requests = [pool.submit(served.tell, n) for n in range(90)]
        eventually(lambda: sum(request.done() for request in requests) == 30)
        for answer in (request.result() for request in requests if request.done()):
            refused(answer, 429)
            assert int(answer.headers["Retry-After"]) >= 1
    answers = sorted(request.result().status_code for request in requests)
    assert answers == [202] * 60 + [429] * 30
    assert value(services, "SELECT count(*) FROM leads") == 60
    assert served.webhooks()["standard", "429"] - before.get(("standard", "429"), 0) == 30


def test_postgresql_away_and_back(settings: Settings) -> None:
    with directory() as path:
        server = Postgres(path, options={"fsync": "off"})
        server.start()
        try:
            migrate.upgrade(server.url)
            own_servers(settings, DATABASE_URL=server.url)
            with api(settings) as running:
                assert running.tell("L1").status_code == 202
                server.stop()
                problem = running.tell("L2")
                refused(problem, 503)
                assert int(problem.headers["Retry-After"]) >= 1
                assert "L2" not in problem.text
                assert running.webhooks()["standard", "503"] == 1
                health = running.get("/health")
                assert (health.status_code, health.json()["status"]) == (503, "down")
                assert running.get("/health/ready").status_code == 503
                assert running.http.get("/health/live").status_code == 200
                refused(running.get("/api/v1/leads"), 503)
                server.start()
                eventually(lambda: running.tell("L3").status_code == 202)
                assert running.get("/health/ready").status_code == 200
        finally:
            server.stop()


@pytest.mark.parametrize("code", ["53100", "53200", "53300", "25006", "57P03", "58030"])
@pytest.mark.parametrize("table", ["leads", "timeline"])
def test_a_server_that_cannot_save_is_no_fault_of_the_webhook(
    served: Api, services: Services, code: str, table: str
) -> None:
    """A full disk, no memory, too many sessions, read-only, starting, a disk that fails."""
    execute(
        services,
        f"""
        CREATE FUNCTION unfit() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'unfit' USING ERRCODE = '{code}'; END $$;
        CREATE TRIGGER unfit BEFORE INSERT ON {table} EXECUTE FUNCTION unfit()
        """,
    )
    body = delivery("unfit")
    headers = served.signed(body)
    try:
        problem = served.http.post("/webhooks/standard", content=body, headers=headers)
        refused(problem, 503)
        assert int(problem.headers["Retry-After"]) >= 1
        assert stored(services) == 0
    finally:
        execute(services, "DROP FUNCTION unfit CASCADE")
    assert served.http.post("/webhooks/standard", content=body, headers=headers).status_code == 202
    assert value(services, "SELECT count(*) FROM leads") == 1


def test_the_first_of_everything_after_all_sessions_ended_is_as_any_other(settings: Settings) -> None:
    """Nobody sweeps here, so a score that is lost stays lost."""
    end_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name AND pid <> :own"
    with open_services(settings) as services, api(settings) as running, worker(settings, "scoring"):
        for n in range(1, 4):
            assert running.tell(f"L{n}").status_code == 202
            eventually(lambda n=n: value(services, "SELECT count(*) FROM scores") == n)
            assert running.get("/api/v1/leads").json()["total"] == n
            with services.session() as db:
                here = db.execute(text("SELECT current_database(), pg_backend_pid()")).one()
                db.execute(text(end_all), {"name": here[0], "own": here[1]})


def test_redis_away_and_back(settings: Settings) -> None:
    impatient = {"SERVICE6_UPKEEP__GRACE_S": "0", "SERVICE6_UPKEEP__TICK_S": "0.5"}
    with directory() as path, open_services(settings) as services:
        server = Valkey(path)
        server.start()
        try:
            own_servers(settings, REDIS_URL=server.url)
            with api(settings, **impatient) as running, worker(settings, **impatient), beat(settings, **impatient):
                assert running.tell("L1").status_code == 202
                eventually(lambda: value(services, "SELECT count(*) FROM scores") == 1, within_s=60)
                server.stop()
                began = time.monotonic()
                assert [running.tell(f"away-{n}", budget=n).status_code for n in range(20)] == [202] * 20
                assert time.monotonic() - began < 5
                health = running.get("/health")
                assert (health.status_code, health.json()["status"]) == (200, "degraded")
                assert running.get("/metrics").status_code == 200
                assert running.get("/api/v1/leads").json()["position"] is None
                assert value(services, "SELECT count(*) FROM unscored") == 20
                server.start()
                eventually(lambda: value(services, "SELECT count(*) FROM unscored") == 0, within_s=60)
                sent = published(running)
                assert running.tell("L2").status_code == 202
                eventually(lambda: published(running) > sent)  # by the API again, not by upkeep
            assert value(services, "SELECT count(*) FROM scores") >= 21
        finally:
            server.stop()


def published(running: Api) -> float:
    """Scoring messages that this API has sent."""
    name = 'service6_intake_published_total{answer="sent"} '
    return next(float(line.removeprefix(name)) for line in running.get("/metrics").text.splitlines() if name in line)


def own_servers(settings: Settings, **urls: str) -> None:
    file = settings.state_dir / "servers.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **urls}), encoding="utf-8")


def beat(settings: Settings, **environment: str) -> AbstractContextManager[ProgramRun]:
    argv = (*BROKER[2:], "beat", f"--schedule={settings.state_dir / 'beat'}", "--pidfile=")
    return process("beat", argv, settings, **environment)


# An end in the middle of traffic.


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_answered_before_the_end_is_saved(settings: Settings, end: signal.Signals) -> None:
    accepted: list[str] = []
    stop = threading.Event()

    def traffic(running: Api, client: int) -> None:
        with httpx2.Client(base_url=running.url, timeout=20) as http:
            for n in count():
                name = f"{client}-{n}"
                body = delivery(name)
                try:
                    answer = http.post("/webhooks/standard", content=body, headers=signed(settings, body))
                except httpx2.TransportError:
                    return
                if answer.status_code == 202:
                    accepted.append(name)
                if stop.is_set():
                    return

    with open_services(settings) as services, api(settings) as running, ThreadPoolExecutor(16) as pool:
        clients = [pool.submit(traffic, running, client) for client in range(16)]
        eventually(lambda: len(accepted) > 200, within_s=30)
        os.kill(running.run.pid, end)
        status = running.run.child.wait(15)
        stop.set()
        for client in clients:
            client.result()
        saved = {row["external_id"] for row in rows(services, "SELECT external_id FROM leads")}
    assert {*accepted} <= saved
    assert len(saved) >= 200
    assert status == -end
