"""One user's budget: shared by all processes, told in every answer, and no reason to fail."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.redis_store.rate_limit import Limiter
from pipeline.settings.loader import Settings
from schemas.access import Role
from tests.support.serving import Api, api

LIMIT = 40
ASK = "/api/v1/ai/score-lead"


def limiter(url: str, limit: int = 3, window_s: int = 60, name: str = "test") -> Limiter:
    return Limiter(name, url, limit=limit, window_s=window_s, uncounted=Metrics(CollectorRegistry()).uncounted)


def test_a_budget_is_each_users_own_and_ends(redis_db: str) -> None:
    mine = limiter(redis_db)
    budgets = [mine.take("ada") for _ in range(5)]
    assert [(budget.allowed, budget.left) for budget in budgets if budget] == [
        (True, 2), (True, 1), (True, 0), (False, 0), (False, 0),
    ]  # fmt: skip
    assert all(1 <= budget.reset_s <= 65 for budget in budgets if budget)
    other, elsewhere = mine.take("bo"), limiter(redis_db, name="another").take("ada")
    assert other is not None
    assert other.left == 2
    assert elsewhere is not None
    assert elsewhere.left == 2


def test_no_span_of_a_window_holds_more_than_the_limit(redis_db: str) -> None:
    greedy = limiter(redis_db, limit=20, window_s=1)
    taken = []
    until = time.monotonic() + 3.2
    while time.monotonic() < until:
        budget = greedy.take("ada")
        assert budget is not None
        if budget.allowed:
            taken.append(time.monotonic())
    fullest = max(sum(began <= at < began + 0.98 for at in taken) for began in taken)
    assert fullest <= 20  # a fixed window would let 40 through at its seam
    assert 40 <= len(taken) <= 80


def test_no_name_of_a_user_is_kept_and_nothing_is_kept_for_long(redis_db: str) -> None:
    mine = limiter(redis_db)
    mine.take("ada@example.com")
    [key] = mine._redis.keys("*")
    assert b"ada" not in key
    assert 0 < mine._redis.ttl(key) <= 65


def _spend(url: str, barrier: Barrier, allowed: "multiprocessing.Queue[int]") -> None:
    mine = limiter(url, limit=100)
    mine._redis.ping()
    barrier.wait()
    budgets = [mine.take("ada") for _ in range(100)]
    allowed.put(sum(budget is not None and budget.allowed for budget in budgets))


def test_two_processes_at_once_never_spend_more_than_one_budget(redis_db: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, allowed = spawn.Barrier(2), spawn.Queue()
    processes = [spawn.Process(target=_spend, args=(redis_db, barrier, allowed)) for _ in range(2)]
    for process in processes:
        process.start()
    assert sum(allowed.get(timeout=30) for _ in processes) == 100
    for process in processes:
        process.join(10)


# Over HTTP.


@pytest.fixture(scope="module")
def two(place: Settings) -> Iterator[tuple[Api, Api]]:
    tight = {"SERVICE6_API__SCORE_LEADS_A_MINUTE": str(LIMIT)}
    with api(place, "api-1", **tight) as first, api(place, "api-2", **tight) as second:
        yield first, second


def test_two_apis_share_one_budget(two: tuple[Api, Api]) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda n: two[n % 2].post(ASK, {"attributes": {}}, Role.ADMIN), range(LIMIT + 20)))
    by_status: dict[int, list[httpx2.Response]] = {}
    for answer in answers:
        by_status.setdefault(answer.status_code, []).append(answer)
    assert {status: len(found) for status, found in by_status.items()} == {200: LIMIT, 429: 20}
    last = by_status[429][-1]
    assert last.headers["content-type"] == "application/problem+json"
    assert 1 <= int(last.headers["Retry-After"]) <= 65
    assert last.headers["RateLimit-Policy"] == f'"user";q={LIMIT};w=60'
    assert last.headers["RateLimit"].startswith('"user";r=0;t=')
    # Whatever it is asked for and however wrongly, it counts.
    wrong = two[0].post(ASK, {"lead_id": "x"}, Role.ADMIN)
    assert wrong.status_code == 429
    assert "RateLimit" not in two[0].get("/api/v1/leads").headers


def test_with_redis_away_a_score_is_still_to_be_had(place: Settings) -> None:
    with api(place, "alone", REDIS_URL="redis://127.0.0.1:1/0", SERVICE6_API__SCORE_LEADS_A_MINUTE="1") as alone:
        for _ in range(3):
            answer = alone.post(ASK, {"attributes": {}})
            assert answer.status_code == 200
            assert "RateLimit" not in answer.headers
        assert 'service6_budget_uncounted_total{budget="score-lead"} 3.0' in alone.get("/metrics").text
