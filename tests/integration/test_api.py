"""The API over HTTP: who may ask, what each role sees, lists that can be walked, and how the system says it is."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from pipeline.security import tokens
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from schemas.access import Role
from tests.integration.rows import back_dated, execute, rows, save, save_scores, scored, told, value
from tests.support.serving import Api, api, open_services
from workers.api.app import create_app
from workers.api.routes.lead_list_routes import BODY_LIMIT

SECRET_BUDGET = 987_654
# They tell nothing, it checks signatures, and they tell what stands in the repository.
FREE = {
    "/health/live",
    "/health/ready",
    "/webhooks/{source}",
    "/webhooks/{source}/{key}",
    "/docs",
    "/docs/openapi.yaml",
    "/docs/asyncapi.yaml",
}
FEED = "/api/v1/dashboard/real-time"  # asks for the token in its first message
PAGE = ""


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with open_services(place) as services:
        fill(services)
        with api(place) as running:
            yield running


@pytest.fixture
def services(place: Settings) -> Iterator[Services]:
    with open_services(place) as made:
        yield made


def fill(services: Services) -> None:
    """Twelve leads of two owners; many tie on their score."""
    for n in range(12):
        attributes = {"budget": SECRET_BUDGET, "source": "referral"} if n < 8 else {"visits": 0}
        save(
            services, [told(services, f"L{n}", owner="ann" if n % 2 else "bo", email=f"x{n}@example.com", **attributes)]
        )
    ids = [row["id"] for row in rows(services, "SELECT id FROM leads ORDER BY id")]
    for lead in ids:  # each at a moment of its own
        score(services, [lead])
    save(services, [told(services, "L0", budget=1)])
    score(services, ids)
    services.champion  # noqa: B018 - the card is stored before anyone reads a score


def score(services: Services, ids: list[int]) -> None:
    with services.session() as db:
        fresh = scored(services, ids)
        if fresh:
            save_scores(services, db, fresh)


def ids_of(response: httpx2.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [int(lead["id"]) for lead in response.json()["leads"]]


def walked(served: Api, change: Callable[[int], None] = lambda page: None, **query: object) -> list[int]:
    """Ids of all pages in turn; `change` is called between them."""
    found: list[int] = []
    cursor: dict[str, object] = {}
    for page in range(100):
        response = served.get("/api/v1/leads", **query, **cursor)
        found += ids_of(response)
        if response.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": response.json()["next_cursor"]}
        change(page)
    raise AssertionError("the pages do not end")


# Who may ask.


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """FastAPI keeps the routes of an included router in that."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from every_route(included.routes)


def test_every_route_needs_a_token_but_those_that_are_free(place: Settings, served: Api) -> None:
    with open_services(place) as services:
        app = create_app(services)
    asked = set()
    for route in every_route(app.routes):
        if isinstance(route, WebSocketRoute | Mount):
            assert route.path in {FEED, PAGE}
            continue
        assert isinstance(route, Route), f"{route} is of a kind that this test does not know"
        asked.add(route.path)
        for method in route.methods or ():
            status = served.http.request(method, route.path.replace("{lead_id}", "1"), json={}).status_code
            assert status == 401 or route.path in FREE, (method, route.path)
    assert {"/api/v1/leads", "/api/v1/leads/{lead_id}", "/api/v1/ai/score-lead", "/health", "/metrics", *FREE} <= asked


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer \xff"])
def test_a_token_that_is_none_is_refused(served: Api, header: str) -> None:
    answer = served.http.get("/api/v1/leads", headers={b"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_expired_token_and_one_of_another_key_are_refused(served: Api, place: Settings) -> None:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    key = place.secret_key.get_secret_value()
    late = tokens.mint(key, role=Role.ADMIN, sub="x", lifetime=hour, now=now - 2 * hour)
    foreign = tokens.mint("another key", role=Role.ADMIN, sub="x", lifetime=hour, now=now)
    for token in (late, foreign):
        assert served.http.get("/api/v1/leads", headers={"Authorization": f"Bearer {token}"}).status_code == 401


# What each role sees.


def everything(served: Api, role: Role, owners: tuple[str, ...] = ()) -> bytes:
    """All bytes that this role can fetch of the leads."""
    found = [served.get("/api/v1/leads", role, owners, sort=sort).content for sort in ("-score", "updated_at")]
    for lead in walked(served):
        found += [served.get(f"/api/v1/leads/{lead}{more}", role, owners).content for more in ("", "/scores")]
        found.append(served.post("/api/v1/ai/score-lead", {"lead_id": str(lead)}, role).content)
    return b"\n".join(found)


def test_a_viewer_gets_no_attribute_and_no_value_in_any_byte(served: Api) -> None:
    seen = everything(served, Role.VIEWER)
    assert b"referral" in seen  # the label tells it
    assert str(SECRET_BUDGET).encode() not in seen
    assert b'"value":null' in seen
    assert b'"attributes":null' in seen
    assert str(SECRET_BUDGET).encode() in everything(served, Role.ADMIN)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EXECUTIVE, Role.VIEWER])
def test_nobody_gets_contacts(served: Api, role: Role) -> None:
    assert b"@example.com" not in everything(served, role)


def test_an_agent_sees_own_leads_alone(served: Api, services: Services) -> None:
    mine = {row["id"] for row in rows(services, "SELECT id FROM leads WHERE owner = 'ann'")}
    page = served.get("/api/v1/leads", Role.AGENT, ["ann"], limit=500)
    assert {*ids_of(page)} == mine
    assert page.json()["total"] == len(mine)
    for lead in walked(served):
        for more in ("", "/scores"):
            status = served.get(f"/api/v1/leads/{lead}{more}", Role.AGENT, ["ann"]).status_code
            assert status == (200 if lead in mine else 404)
        headers = served.bearer(Role.AGENT, ["ann"])
        answer = served.http.post("/api/v1/ai/score-lead", json={"lead_id": str(lead)}, headers=headers)
        assert answer.status_code == (200 if lead in mine else 404)


def test_an_agent_cannot_ask_for_anothers_leads(served: Api) -> None:
    assert ids_of(served.get("/api/v1/leads", Role.AGENT, ["ann"], owner="bo")) == []
    assert ids_of(served.get("/api/v1/leads", Role.AGENT, [])) == []
    assert len(ids_of(served.get("/api/v1/leads", Role.AGENT, ["ann", "bo"], owner="bo"))) == 6


# Lists.


def test_filters(served: Api, services: Services) -> None:
    by_tier = [len(ids_of(served.get("/api/v1/leads", tier=tier))) for tier in "ABCD"]
    assert sum(by_tier) == 12
    assert sorted(by_tier) != [0, 0, 0, 12]
    assert len(ids_of(served.get("/api/v1/leads", tier=["A", "B", "C", "D"]))) == 12
    assert len(ids_of(served.get("/api/v1/leads", owner="ann"))) == 6
    assert len(ids_of(served.get("/api/v1/leads", source="standard"))) == 12
    assert ids_of(served.get("/api/v1/leads", source="nowhere")) == []
    newest = value(services, "SELECT max(updated_at) FROM scores")
    [changed] = ids_of(served.get("/api/v1/leads", changed_since=newest.isoformat()))
    assert value(services, "SELECT external_id FROM leads WHERE id = :id", id=changed) == "L0"
    for query, number in (({"owner": "ann"}, 6), ({"source": "standard"}, 12), ({"source": "nowhere"}, 0)):
        assert served.get("/api/v1/leads", limit=1, **query).json()["total"] == number


@pytest.mark.parametrize("sort", ["-score", "score", "-updated_at", "updated_at"])
@pytest.mark.parametrize("limit", [1, 5, 12, 500])
def test_a_walk_meets_every_lead_once_in_order(served: Api, services: Services, sort: str, limit: int) -> None:
    column, falling = sort.removeprefix("-"), sort.startswith("-")
    order = f"SELECT lead_id FROM scores ORDER BY {column} {'DESC' if falling else ''}, lead_id"  # noqa: S608
    assert walked(served, sort=sort, limit=limit) == [row["lead_id"] for row in rows(services, order)]


def test_a_walk_meets_those_once_that_stay_while_others_are_scored_anew(served: Api, services: Services) -> None:
    moving = value(services, "SELECT id FROM leads WHERE external_id = 'L0'")
    bare = value(services, "SELECT attributes FROM leads WHERE id = :id", id=moving)

    def move(page: int) -> None:
        save(services, [told(services, "L0", budget=1 if page % 2 else 10**6)])
        score(services, [moving])

    staying = [lead for lead in walked(served, limit=2, change=move) if lead != moving]
    assert sorted([*staying, moving]) == sorted(walked(served))
    assert bare["budget"] == 1


@pytest.mark.parametrize(
    "contents",
    [
        [],
        ["-score", 1, 1],
        {"sort": "-score"},
        {"sort": "-score", "lead_id": 1},
        {"sort": "-score", "lead_id": 10**30, "score": 1},
        {"sort": "-score", "lead_id": 1, "score": 1e39},
        {"sort": "-score", "lead_id": 1, "score": "2026-01-01"},
        {"sort": "-score", "lead_id": 1, "updated_at": "2026-01-01T00:00:00Z"},
        {"sort": "score", "lead_id": 1, "score": 1},
        {"sort": "-score", "lead_id": "1; DROP TABLE leads", "score": 1},
    ],
)
def test_a_cursor_that_nobody_gave_out_is_refused(served: Api, contents: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(contents).encode()).decode()
    answer = served.get("/api/v1/leads", cursor=cursor)
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/cursor")


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "=" * 9, "\0"])
def test_a_cursor_that_is_no_text_of_ours_is_refused(served: Api, cursor: str) -> None:
    assert served.get("/api/v1/leads", cursor=cursor).status_code == 400


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": 501}, "/limit"),
        ({"limit": "many"}, "/limit"),
        ({"tier": "E"}, "/tier/0"),
        ({"sort": "budget"}, "/sort"),
        ({"changed_since": "yesterday"}, "/changed_since"),
        ({"changed_since": "2026-01-01T00:00:00"}, "/changed_since"),
        ({"changed_since": "0.5"}, "/changed_since"),
        ({"source": "\0"}, "/source/0"),
        ({"owner": "x" * 201}, "/owner/0"),
    ],
)
def test_a_query_that_makes_no_sense_is_told_with_its_place(
    served: Api, query: dict[str, object], pointer: str
) -> None:
    answer = served.get("/api/v1/leads", **query)
    assert (answer.status_code, answer.json()["pointer"]) == (400, pointer)


# One lead.


def test_a_lead_its_score_and_its_history_agree(served: Api, services: Services) -> None:
    lead = value(services, "SELECT id FROM leads WHERE external_id = 'L0'")
    detail = served.get(f"/api/v1/leads/{lead}").json()
    asked = served.post("/api/v1/ai/score-lead", {"lead_id": str(lead)}).json()
    history = served.get(f"/api/v1/leads/{lead}/scores").json()["scores"]
    assert detail["score"] == asked
    assert [entry["rev"] for entry in history] == list(range(asked["rev"], 0, -1))
    assert history[0]["score"] == asked["score"]
    assert detail["previous_score"] == history[1]["score"]
    assert history[0]["model_version"] == asked["model_version"]
    assert asked["factors"]
    assert asked["explanation"]
    assert detail["attributes"]["source"] == "referral"


@pytest.mark.parametrize("lead", ["0", "-1", "x", str(2**63), "1.5"])
def test_a_lead_id_that_is_none(served: Api, lead: str) -> None:
    assert served.get(f"/api/v1/leads/{lead}").status_code == 400


def test_a_lead_that_is_not_there(served: Api) -> None:
    answer = served.get("/api/v1/leads/999999999")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert served.post("/api/v1/ai/score-lead", {"lead_id": "999999999"}).status_code == 404


# What if.

TABLES = ("leads", "scores", "score_history", "outbox", "unscored", "feature_vectors", "model_versions")


def counts(services: Services) -> list[int]:
    return [value(services, f"SELECT count(*) FROM {table}") for table in TABLES]  # noqa: S608


def test_a_what_if_is_scored_and_not_saved(served: Api, services: Services) -> None:
    before = counts(services)
    poor = served.post("/api/v1/ai/score-lead", {"attributes": {}}).json()
    rich = served.post("/api/v1/ai/score-lead", {"attributes": {"deal_value": "$400,000", "Lead Source": "Referral"}})
    assert rich.json()["score"] > poor["score"]
    assert (rich.json()["rev"], rich.json()["lead_id"]) == (0, "")
    assert counts(services) == before


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"budget": 10**20}, 400),
        ({"budget": 1e308}, 400),
        ({"x": "y" * 10_001}, 400),
        ({f"a{n}": n for n in range(501)}, 400),
        ({"a": {"b": [1, 2, {"c": 3}]}}, 200),
        ({"🎉": "🎉", "\0": "\0", "$active_at": "1999-01-01"}, 200),
        ([], 400),
    ],
)
def test_an_absurd_what_if_is_scored_or_refused(served: Api, attributes: Any, status: int) -> None:
    content = json.dumps({"attributes": attributes})
    headers = {**served.bearer(), "Content-Type": "application/json"}
    answer = served.http.post("/api/v1/ai/score-lead", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["pointer"].startswith("/attributes")


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ('{"attributes": {"budget": 1%s}}' % ("0" * 400), ""),  # no number that JSON's readers agree on
        ('{"attributes": {"budget": NaN}}', ""),
        ("", ""),
        ("{", ""),
        ("null", ""),
        ("{}", ""),
        ('{"lead_id": "x"}', "/lead_id"),
        ('{"lead_id": 1}', "/lead_id"),
        ('{"unknown": 1}', "/unknown"),
        ('{"\\ud800": 1}', ""),
    ],
)
def test_a_body_that_makes_no_sense_is_told_with_its_place(served: Api, content: str, pointer: str) -> None:
    headers = {**served.bearer(), "Content-Type": "application/json"}
    answer = served.http.post("/api/v1/ai/score-lead", content=content, headers=headers)
    assert (answer.status_code, answer.json()["pointer"]) == (400, pointer)


def test_a_lone_surrogate_harms_nothing(served: Api) -> None:
    headers = {**served.bearer(), "Content-Type": "application/json"}
    content = '{"attributes": {"source": "\\ud800", "\\udfff": 1}}'
    assert served.http.post("/api/v1/ai/score-lead", content=content, headers=headers).status_code in {200, 400}


# How it is.


def test_health_tells_what_is_missing(served: Api, services: Services) -> None:
    assert served.http.get("/health/live").json() == {"status": "ok"}
    assert served.get("/health/ready").json()["status"] == "ok"
    assert served.http.get("/health/ready").json()["checks"] == []
    detailed = served.get("/health")
    checks = {check["name"]: check["ok"] for check in detailed.json()["checks"]}
    assert (detailed.status_code, detailed.json()["status"]) == (200, "degraded")
    assert checks == {
        "postgresql": True,
        "writes": True,
        "redis": True,
        "workers": False,
        "work owed": True,
        "feed": True,
        "dead letters": True,
    }


def test_health_tells_of_work_and_events_that_wait_and_of_dead_letters(served: Api, services: Services) -> None:
    save(services, [told(services, "waits")])
    back_dated(services, timedelta(minutes=5))
    execute(services, "UPDATE outbox SET at = at - interval '5 minutes'")
    execute(
        services,
        "INSERT INTO dead_letters (queue, task, arguments, error, attempts, first_at, last_at)"
        " VALUES ('scoring', 'x', '{}', 'x', 1, now(), now())",
    )
    checks = {check["name"]: check for check in served.get("/health").json()["checks"]}
    assert [checks[name]["ok"] for name in ("work owed", "feed", "dead letters")] == [False] * 3
    assert "1 leads wait for a score, the oldest 30" in checks["work owed"]["detail"]
    execute(services, "DELETE FROM dead_letters")
    execute(services, "DELETE FROM unscored")
    execute(services, "DELETE FROM leads WHERE external_id = 'waits'")


def test_metrics_tell_of_requests_queues_and_work(served: Api) -> None:
    told_ = served.get("/metrics", Role.MONITOR).text
    for name in (
        'service6_http_requests_total{route="/api/v1/leads",status="200"}',
        'service6_queue_messages{queue="scoring"} 0.0',
        'service6_unscored_leads{state="waiting"} 0.0',
        "service6_http_request_seconds_bucket",
    ):
        assert name in told_


def test_a_stranger_cannot_fill_the_memory(served: Api) -> None:
    answer = served.http.post("/api/v1/ai/score-lead", content=b" " * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
