"""Moments and numbers at their extremes: an answer, or 400 with a pointer to the parameter; PostgreSQL refuses none."""

import base64
import json
from collections.abc import Iterator

import httpx2
import pytest

from pipeline.settings.loader import Settings
from tests.integration.rows import api_with_leads
from tests.support.serving import Api

# The offsets are those that ISO 8601 allows; PostgreSQL's end at 15:59.
MOMENTS = [
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-14:00", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+14:00",
    "9999-12-31T23:59:59-23:59",
    "2026-11-01T00:00:00+23:59", "2026-11-01T00:00:00-16:00", "1900-01-01T00:00:00Z", "0004-02-29T00:00:00Z",
]  # fmt: skip
WRONG = [
    "2026-01-01T00:00:00",
    "-1",
    "1e400",
    "inf",
    "nan",
    "253402300799",
    "10000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
]
LARGEST = 2**63 - 1


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api_with_leads(place, 3) as running:
        yield running


def understood(answer: httpx2.Response, pointer: str, *, refused: bool | None = None) -> None:
    if answer.status_code != 200:
        assert (answer.status_code, answer.json().get("pointer")) == (400, pointer), answer.text
    assert refused is None or (answer.status_code == 400) == refused


@pytest.mark.parametrize("moment", MOMENTS)
def test_leads_changed_since(served: Api, moment: str) -> None:
    understood(served.get("/api/v1/leads", changed_since=moment), "/changed_since")


@pytest.mark.parametrize("moment", WRONG)
def test_leads_changed_since_no_moment(served: Api, moment: str) -> None:
    understood(served.get("/api/v1/leads", changed_since=moment), "/changed_since", refused=True)


@pytest.mark.parametrize("name", ["changed_since", "changed_before"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_runs_of_leads_changed(served: Api, name: str, moment: str) -> None:
    understood(served.post("/api/v1/rescore-runs/preview", {"filter": {name: moment}}), f"/filter/{name}")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cursor_that_somebody_wrote(served: Api, moment: str) -> None:
    sealed = {"sort": "-updated_at", "lead_id": LARGEST, "updated_at": moment}
    cursor = base64.urlsafe_b64encode(json.dumps(sealed).encode()).decode()
    understood(served.get("/api/v1/leads", cursor=cursor, sort="-updated_at"), "/cursor")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_webhook_of_that_time(served: Api, moment: str) -> None:
    body = json.dumps({"type": "lead.updated", "timestamp": moment, "data": {"id": f"at {moment}", "when": moment}})
    answer = served.send(body.encode())
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_attribute_of_that_time(served: Api, moment: str) -> None:
    assert served.post("/api/v1/ai/score-lead", {"attributes": {"last_activity_at": moment}}).status_code == 200
    where = [{"attribute": "last_activity_at", "operator": ">", "value": moment}]
    answer = served.post("/api/v1/rescore-runs/preview", {"filter": {"where": where}})
    assert answer.status_code in (200, 400), answer.text


NUMBERS = [0, -1, LARGEST, LARGEST + 1, 10**30, "1" * 5000, "1e2", "١", "1_0", " 1", "0x1", "1.5"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_in_a_query(served: Api, number: object) -> None:
    for path, name in (
        ("/api/v1/leads", "limit"),
        ("/api/v1/rescore-runs", "limit"),
        ("/api/v1/trainings", "limit"),
        ("/api/v1/dead-letters", "limit"),
    ):
        understood(served.get(path, **{name: number}), f"/{name}")
    understood(served.get("/api/v1/leads", id=number), "/id/0")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "path", ["leads/{}", "leads/{}/scores", "leads/{}/deliveries", "rescore-runs/{}", "trainings/{}"]
)
def test_numbers_in_a_path(served: Api, path: str, number: object) -> None:
    answer = served.get(f"/api/v1/{path.format(number)}")
    assert answer.status_code in (200, 400, 404), answer.text
