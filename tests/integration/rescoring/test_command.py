"""`service6 rescore` and `service6 runs` as an operator meets them, and the same over the API."""

import json
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

import cli
from commands.group import INTERRUPTED
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from schemas.access import Role
from schemas.run import RunState
from tests.integration.rescoring.conftest import leads_with_scores
from tests.integration.rows import rows, value
from tests.support.processes import terminal
from tests.support.serving import Api, api, worker
from tests.support.waiting import eventually


def service6(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.fixture
def leads(services: Services) -> list[int]:
    return leads_with_scores(services, 30)


def test_a_run_is_followed_to_its_end(services: Services, leads: list[int], settings: Settings) -> None:
    with worker(settings, "rescoring"):
        done = service6("rescore")
    assert done.exit_code == 0, done.output
    assert "run 1: done, 30 of 30 leads, 30 changed" in done.stdout
    assert "30" in service6("runs").stdout
    shown = json.loads(service6("runs", "show", "1", "--json").stdout)
    assert (shown["state"], shown["leads_changed"], shown["filter"]["sources"]) == ("done", 30, [])


def test_without_a_worker_it_says_so(services: Services, leads: list[int]) -> None:
    begun = service6("rescore", "--no-wait", "--tier", "D", "--where", "budget >= 1000")
    assert begun.exit_code == 0
    assert "no worker takes the queue `rescoring`" in begun.stderr
    assert "leads with tier D, budget >= 1,000" in begun.stdout


def test_a_filter_that_nothing_meets_is_no_failure(services: Services, leads: list[int]) -> None:
    found = service6("rescore", "--source", "nowhere")
    assert (found.exit_code, found.stderr) == (0, "no lead meets the filter; there is nothing to do\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--where", "budget"), "write an attribute, one of = != < <= > >=, and a value"),
        (("--where", "colour = red"), "no lead has an attribute 'colour'; there are: budget, visits"),
        (("--where", "budget >= abc"), ">= is for numbers and dates (2026-11-22), and 'abc' is neither"),
        (("--tier", "E"), "'E' is not one of 'A', 'B', 'C', 'D'"),
        (("--changed-before", "soon"), "does not match the formats"),
        (("--rate", "0"), "0 is not in the range"),
        (("--source", ""), "--source: String should have at least 1 character"),
    ],
)
def test_a_filter_that_makes_no_sense_is_told_in_a_line(
    services: Services, leads: list[int], arguments: tuple[str, ...], told: str
) -> None:
    failed = service6("rescore", *arguments)
    assert failed.exit_code == 2
    assert told in failed.stderr
    assert failed.stderr.startswith("service6: ")
    assert failed.stderr.count("\n") == 1


def test_the_second_of_two_runs_is_told_of_the_first(services: Services, leads: list[int]) -> None:
    service6("rescore", "--no-wait")
    second = service6("rescore", "--no-wait")
    assert second.exit_code == 1
    assert "run 1 is running and may change the same leads" in second.stderr
    assert service6("runs", "cancel", "1").exit_code == 0
    assert service6("rescore", "--no-wait").exit_code == 0


def test_a_model_that_is_not_there(services: Services, leads: list[int]) -> None:
    failed = service6("rescore", "--model", "glassbox-00000000")
    assert failed.exit_code == 1
    assert "glassbox-00000000" in failed.stderr


def test_a_dry_run_writes_nothing(services: Services, leads: list[int]) -> None:
    before = rows(services, "SELECT * FROM scores ORDER BY lead_id")
    told = service6("rescore", "--dry-run")
    assert "30 of 30 leads would change" in told.stdout
    assert "D -> " in told.stdout
    assert json.loads(service6("rescore", "--dry-run", "--json").stdout)["leads_changed"] == 30
    assert rows(services, "SELECT * FROM scores ORDER BY lead_id") == before
    assert value(services, "SELECT count(*) FROM rescore_runs") == 0


def test_what_cannot_be_done_with_a_run_is_told(services: Services, leads: list[int]) -> None:
    assert "no run 7" in service6("runs", "pause", "7").stderr
    service6("rescore", "--no-wait")
    assert "run 1 is running: it cannot resume" in service6("runs", "resume", "1").stderr
    assert "run 1: paused" in service6("runs", "pause", "1").stdout
    assert "run 1: running" in service6("runs", "resume", "1").stdout


def test_who_stops_following_stops_no_run(services: Services, leads: list[int]) -> None:
    with terminal([sys.executable, "-m", "cli", "rescore"], dict(os.environ)) as shown:
        eventually(lambda: value(services, "SELECT count(*) FROM rescore_runs"), within_s=30)
        shown.shows("the run waits for one")
        shown.process.send_signal(signal.SIGINT)
        shown.shows("run 1 goes on; follow it with `service6 runs show 1 --wait`")
        assert shown.process.wait(30) == INTERRUPTED
    assert value(services, "SELECT state FROM rescore_runs") == RunState.RUNNING


# The same over the API.


@pytest.fixture
def served(settings: Settings, leads: list[int]) -> Iterator[Api]:
    with api(settings) as running:
        yield running


def test_runs_over_the_api(served: Api, services: Services) -> None:
    asked = {"filter": {"tiers": ["D"]}, "rate": 10}
    begun = served.post("/api/v1/rescore-runs", asked)
    assert begun.status_code == 200, begun.text
    run = begun.json()
    assert (run["state"], run["leads_total"], run["actor"]) == ("running", 30, "test")
    second = served.post("/api/v1/rescore-runs", asked)
    assert (second.status_code, second.headers["content-type"]) == (409, "application/problem+json")
    assert served.post(f"/api/v1/rescore-runs/{run['id']}/pause", None).json()["state"] == "paused"
    assert served.post(f"/api/v1/rescore-runs/{run['id']}/pause", None).status_code == 409
    assert served.post("/api/v1/rescore-runs/99/pause", None).status_code == 404
    assert served.get(f"/api/v1/rescore-runs/{run['id']}", Role.EXECUTIVE).json()["rev"] > run["rev"]
    assert [one["id"] for one in served.get("/api/v1/rescore-runs").json()["runs"]] == [run["id"]]
    preview = served.post("/api/v1/rescore-runs/preview", {}).json()
    assert preview["leads_changed"] == 30
    wrong = served.post(
        "/api/v1/rescore-runs", {"filter": {"where": [{"attribute": "x", "operator": "=", "value": 1}]}}
    )
    assert (wrong.status_code, wrong.json()["pointer"]) == (400, "/filter/where/0/attribute")
    wrong = served.post(
        "/api/v1/rescore-runs/preview", {"filter": {"where": [{"attribute": "x", "operator": "<", "value": "many"}]}}
    )
    assert (wrong.status_code, wrong.json()["pointer"]) == (400, "/filter/where/0/value")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.EXECUTIVE])
def test_only_admins_steer_and_only_overseers_look(served: Api, role: Role) -> None:
    owners = ["ann"] if role is Role.AGENT else []
    looks = served.get("/api/v1/rescore-runs", role, owners).status_code
    assert looks == (200 if role is Role.EXECUTIVE else 403)
    assert served.post("/api/v1/rescore-runs", {}, role).status_code in (401, 403)


def test_a_run_that_is_asked_for_twice_with_one_key_is_begun_once(served: Api, services: Services) -> None:
    headers = {**served.bearer(), "Idempotency-Key": "once"}
    answers = [served.http.post("/api/v1/rescore-runs", json={}, headers=headers).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert value(services, "SELECT count(*) FROM rescore_runs") == 1


def test_leads_by_their_ids(served: Api, leads: list[int]) -> None:
    found = served.http.get(
        "/api/v1/leads", params={"id": [leads[3], leads[1], 999_999]}, headers=served.bearer()
    ).json()
    assert sorted(int(lead["id"]) for lead in found["leads"]) == [leads[1], leads[3]]
