"""How a lead came to be what it is: deliveries, what moved its scores, what-if, and how it is found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.settings.loader import Settings
from pipeline.storage.leads import timeline
from pipeline.storage.leads.timeline import MOST_ATTRIBUTES, VALUE_LIMIT
from pipeline.wiring import Services
from schemas.access import Role
from tasks import upkeep
from tests.integration.rows import execute, save, save_scores, scored, told, value
from tests.support.serving import Api, api, in_this_process, open_services

NOW = datetime.now(UTC)
SECRET = 424_242


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with open_services(place) as services:
        change(
            services,
            "Crm-7",
            budget=SECRET,
            email="jane@example.com",
            phone="+49 151 2345678",
            owner="ann",
            stage="new",
        )
        change(services, "Crm-7", at=NOW + timedelta(seconds=1), budget=SECRET, meetings=2, stage="talks")
        change(services, "crm-70", owner="bo", stage="new", visits=3)
        change(services, "100%", owner="bo", visits=3)
        services.champion  # noqa: B018 - the card is stored before anyone reads a score
        with api(place) as running:
            yield running


@pytest.fixture
def services(place: Settings) -> Iterator[Services]:
    with open_services(place) as made:
        yield made


def change(services: Services, lead: str, at: datetime = NOW, **attributes: Any) -> int:
    [lead_id] = save(services, [told(services, lead, at, **attributes)], at)
    with services.session() as db:
        save_scores(services, db, scored(services, [lead_id]))
    return lead_id


def the(services: Services, lead: str) -> int:
    return int(value(services, "SELECT id FROM leads WHERE external_id = :lead", lead=lead))


def test_the_timeline_tells_what_each_delivery_brought(served: Api, services: Services) -> None:
    answer = served.get(f"/api/v1/leads/{the(services, 'Crm-7')}/deliveries").json()
    later, first = answer["deliveries"]
    assert later["attributes"] == {"meetings": 2}  # the budget was told again, and nothing new
    assert (later["stage"], later["owner"], later["contact_count"]) == ("talks", None, 0)
    assert (first["attributes"], first["contact_count"], first["stage"]) == ({"budget": SECRET}, 2, "new")
    assert datetime.fromisoformat(answer["received_at"]) == NOW


def test_a_delivery_that_says_the_same_again_is_no_entry_of_the_timeline(services: Services) -> None:
    told_ = {"budget": 5, "stage": "new", "owner": "ann", "email": "ann@example.com"}
    lead_id = change(services, "twice", **told_)
    for at in (NOW, NOW + timedelta(seconds=1)):  # with another delivery id each
        save(services, [told(services, "twice", at, **told_)], at)
    with services.reading() as db:
        assert len(timeline.of_lead(db, lead_id, 10)) == 1
    save(services, [told(services, "twice", NOW + timedelta(seconds=2), budget=6)], NOW + timedelta(seconds=2))
    with services.reading() as db:
        assert timeline.of_lead(db, lead_id, 10)[0].told["attributes"] == {"budget": 6}


def test_of_a_long_delivery_and_a_long_value_the_beginning_is_kept(services: Services) -> None:
    many = {f"n{n:03}": n for n in range(MOST_ATTRIBUTES + 5)}
    lead_id = change(services, "wordy", note="x" * 5000, **many)
    with services.reading() as db:
        [noted] = timeline.of_lead(db, lead_id, 10)
    assert len(noted.told["attributes"]) == MOST_ATTRIBUTES
    assert noted.told["more"] == 6
    assert len(noted.told["attributes"]["note"]) == VALUE_LIMIT + 1


def test_a_viewer_reads_no_value_and_pulls_no_lever(served: Api, services: Services) -> None:
    lead = the(services, "Crm-7")
    told_ = served.get(f"/api/v1/leads/{lead}/deliveries", Role.VIEWER)
    assert [delivery["attributes"] for delivery in told_.json()["deliveries"]] == [None, None]
    assert [delivery["attribute_count"] for delivery in told_.json()["deliveries"]] == [1, 1]
    scores = served.get(f"/api/v1/leads/{lead}/scores", Role.VIEWER)
    assert str(SECRET) not in told_.text + scores.text
    assert served.get(f"/api/v1/leads/{lead}/levers", Role.VIEWER).status_code == 403
    attempt = {"lead_id": str(lead), "attributes": {"meetings": 0}}
    assert served.post("/api/v1/ai/score-lead", attempt, Role.VIEWER).status_code == 403
    assert served.post("/api/v1/leads/lookup", {"contact": "jane@example.com"}, Role.VIEWER).status_code == 403


def test_an_agent_reads_the_story_of_own_leads_alone(served: Api, services: Services) -> None:
    lead = the(services, "Crm-7")
    for more in ("deliveries", "levers", "scores"):
        assert served.get(f"/api/v1/leads/{lead}/{more}", Role.AGENT, ["ann"]).status_code == 200
        assert served.get(f"/api/v1/leads/{lead}/{more}", Role.AGENT, ["bo"]).status_code == 404
    assert served.get("/api/v1/leads/choices", Role.AGENT, ["bo"]).json()["stages"] == ["new"]


def test_the_history_tells_which_terms_moved_the_score(served: Api, services: Services) -> None:
    newest, first = served.get(f"/api/v1/leads/{the(services, 'Crm-7')}/scores").json()["scores"]
    assert first["moves"] is None
    [move] = newest["moves"]
    assert (move["before"], move["after"]) == ("Meetings not known", "several meetings")
    assert newest["score"] - first["score"] == pytest.approx(move["points"])


def test_a_score_older_than_the_record_of_its_terms_says_that_nothing_is_known(served: Api, services: Services) -> None:
    lead = change(services, "old", visits=1)
    execute(services, "UPDATE score_history SET bins = NULL WHERE lead_id = :lead", lead=lead)
    change(services, "old", at=NOW + timedelta(seconds=1), visits=9)
    assert [entry["moves"] for entry in served.get(f"/api/v1/leads/{lead}/scores").json()["scores"]] == [None, None]


def test_a_lever_pulled_is_scored_beside_what_the_lead_has_and_not_saved(served: Api, services: Services) -> None:
    lead = the(services, "Crm-7")
    found = {lever["attribute"]: lever for lever in served.get(f"/api/v1/leads/{lead}/levers").json()["levers"]}
    assert found["budget"]["value"] == SECRET

    def attempt(**attributes: object) -> dict[str, Any]:
        body = {"lead_id": str(lead), "attributes": attributes}
        answer = served.post("/api/v1/ai/score-lead", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    before = served.get(f"/api/v1/leads/{lead}").json()
    assert attempt()["score"] == before["score"]["score"]
    poorer = attempt(budget=1)
    assert (poorer["rev"], poorer["score"]) == (0, before["score"]["score"] - 13)
    assert served.get(f"/api/v1/leads/{lead}").json() == before


@pytest.mark.parametrize(
    ("typed", "leads"), [("crm-7", {"Crm-7", "crm-70"}), ("CRM-70", {"crm-70"}), ("100%", {"100%"}), ("%", set())]
)
def test_a_lead_is_found_by_how_its_id_begins(served: Api, typed: str, leads: set[str]) -> None:
    page = served.get("/api/v1/leads", q=typed).json()
    assert {lead["external_id"] for lead in page["leads"]} == leads
    assert page["total"] == len(leads)


def test_leads_are_filtered_by_stage(served: Api) -> None:
    assert [lead["external_id"] for lead in served.get("/api/v1/leads", stage="talks").json()["leads"]] == ["Crm-7"]
    assert set(served.get("/api/v1/leads/choices").json()["stages"]) == {"new", "talks"}


@pytest.mark.parametrize("contact", ["Jane@example.com ", "+49 (151) 2345-678"])
def test_a_person_is_found_by_what_is_sealed(served: Api, contact: str) -> None:
    found = served.post("/api/v1/leads/lookup", {"contact": contact})
    assert [lead["external_id"] for lead in found.json()["leads"]] == ["Crm-7"]
    assert "jane" not in found.text.lower()
    other = served.http.post(
        "/api/v1/leads/lookup", json={"contact": contact}, headers=served.bearer(Role.AGENT, ["bo"])
    )
    assert other.json()["leads"] == []


def test_an_address_is_no_place_for_a_person(served: Api) -> None:
    assert served.get("/api/v1/leads", q="jane@example.com").status_code == 400
    assert served.post("/api/v1/leads/lookup", {"contact": "n/a at all"}).status_code == 400


def test_upkeep_forgets_what_was_told_long_ago(services: Services, place: Settings) -> None:
    lead = change(services, "ancient", visits=1)
    days = place.upkeep.timeline_days
    execute(
        services,
        "UPDATE timeline SET received_at = now() - :ago WHERE lead_id = :lead",
        lead=lead,
        ago=timedelta(days + 1),
    )
    with in_this_process(services):
        upkeep.prune()
    with services.reading() as db:
        assert timeline.of_lead(db, lead, 10) == []
        assert timeline.of_lead(db, the(services, "Crm-7"), 10)
