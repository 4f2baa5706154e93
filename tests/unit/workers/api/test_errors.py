"""Errors as RFC 9457 problem details: our own texts are told, a foreign one never."""

import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from pipeline.errors import GiveUp, Malformed, Misconfigured, NotFound, Refused, TryAgain
from pipeline.security.tokens import Expired
from workers.api.errors import Forbidden, QueueFull, TooLarge, http_exception_problem, problem


def told(error: Exception) -> dict[str, Any]:
    response = problem(error)
    assert response.media_type == "application/problem+json"
    body: dict[str, Any] = json.loads(bytes(response.body))
    assert body["status"] == response.status_code
    return body


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("x", pointer="/a"), 400),
        (Refused("x"), 401),
        (Expired("x"), 401),
        (Forbidden("x"), 403),
        (NotFound("x"), 404),
        (TooLarge("x"), 413),
        (GiveUp("x"), 422),
        (QueueFull("x"), 429),
        (TryAgain("x"), 503),
    ],
)
def test_each_error_has_its_status_and_text(error: Exception, status: int) -> None:
    body = told(error)
    assert (body["status"], body["detail"], body["type"]) == (status, "x", "about:blank")
    assert body["title"]


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), Misconfigured("secret")])
def test_a_fault_of_ours_is_not_explained_to_strangers(error: Exception) -> None:
    body = told(error)
    assert body["status"] == 500
    assert "secret" not in json.dumps(body)


def test_only_a_malformed_body_has_a_pointer() -> None:
    assert told(Malformed("x", pointer="/data/id"))["pointer"] == "/data/id"
    assert "pointer" not in told(GiveUp("x"))


@pytest.mark.parametrize(("after_s", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (2.5, "3")])
def test_try_again_says_when(after_s: float, header: str) -> None:
    assert problem(TryAgain("x", after_s=after_s)).headers["Retry-After"] == header
    assert "Retry-After" not in problem(GiveUp("x")).headers


def test_who_is_not_known_is_asked_for_a_token() -> None:
    assert problem(Refused("x")).headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in problem(Forbidden("x")).headers


def test_the_frameworks_refusals_are_problem_details_too() -> None:
    response = http_exception_problem(HTTPException(405, headers={"Allow": "GET"}))
    assert json.loads(bytes(response.body))["title"] == "Method Not Allowed"
    assert (response.media_type, response.headers["Allow"]) == ("application/problem+json", "GET")
