"""Where a vendor tells ids and single properties, the record is asked for: once, and never against newer news."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.responses import JSONResponse, Response

from pipeline.settings.loader import Settings, load
from pipeline.storage.leads import contacts
from pipeline.wiring import Services
from schemas.score import Value
from tasks.outbound import fetch_back
from tasks.upkeep import call_out
from tests.integration.rows import execute, rows, save, value
from tests.support.vendor_api import Asked, VendorApi

OWED = "SELECT count(*) FROM outbound_work WHERE due IS NOT NULL"
NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(hours=1)
REFRESH = "1000.refresh"
PERSON = {"email": "ann@example.com", "jobtitle": "CEO", "numemployees": "40", "lifecyclestage": "lead", "city": None}


@pytest.fixture
def calling(settings: Settings, state_dir: Path, crm: VendorApi, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Records of both vendors are asked for."""
    environment = {
        "SERVICE6_SOURCES__HUBSPOT__CRM__URL": crm.url,
        "SERVICE6_SOURCES__HUBSPOT__CRM__FETCH_BACK": "true",
        "SERVICE6_CRM_TOKEN_HUBSPOT": "pat",
        "SERVICE6_SOURCES__ZOHO__CRM__URL": crm.url,
        "SERVICE6_SOURCES__ZOHO__CRM__LOGIN_URL": crm.url,
        "SERVICE6_SOURCES__ZOHO__CRM__FETCH_BACK": "true",
        "SERVICE6_CRM_TOKEN_ZOHO": f"1000.client:hush-client:{REFRESH}",
    }
    for name, given in environment.items():
        monkeypatch.setenv(name, given)
    return load(state_dir)


def hear(services: Services, source: str, lead: str, at: datetime = NOW, **attributes: Value) -> list[int]:
    """What a webhook tells."""
    change = services.source_map(source).change(lead, f"{lead}-{at}-{len(attributes)}", at, attributes)
    return save(services, [change])


def known(services: Services) -> dict[str, Any]:
    [lead] = rows(services, "SELECT attributes, stage FROM leads")
    return {**lead["attributes"], "stage": lead["stage"]}


class HubSpotRecords:
    def __init__(self, modified_at: datetime, **records: dict[str, Any]) -> None:
        self.modified_at = modified_at
        self.records = records

    def __call__(self, asked: Asked) -> Response:
        wanted = [one["id"] for one in asked.json["inputs"]]
        results = [
            {"id": lead, "properties": self.records[f"_{lead}"], "updatedAt": self.modified_at.isoformat()}
            for lead in wanted
            if f"_{lead}" in self.records
        ]
        lost = [lead for lead in wanted if f"_{lead}" not in self.records]
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": lost}}] if lost else []
        return JSONResponse({"results": results, "errors": errors}, 207 if lost else 200)


def test_a_new_lead_is_asked_for_once_mapped_sealed_and_scored(services: Services, crm: VendorApi) -> None:
    crm.answer = HubSpotRecords(NOW, _51=PERSON)
    [lead] = hear(services, "hubspot", "51")
    call_out()
    assert services.redis.llen("outbound") == 1
    fetch_back("hubspot")
    [asked] = crm.asked
    assert (asked.path, asked.headers["authorization"]) == ("/crm/v3/objects/contacts/batch/read", "Bearer pat")
    assert asked.json["inputs"] == [{"id": "51"}]
    assert {"jobtitle", "email", "lifecyclestage"} <= {*asked.json["properties"]}
    assert known(services) == {"job_title": "CEO", "company_size": 40, "stage": "lead"}
    with services.session() as db:
        sealed = contacts.sealed(db, [lead])[lead]
    assert services.vault.open(sealed, contacts.row_name(lead)) == {"email": "ann@example.com"}
    assert services.redis.llen("scoring") == 1
    assert value(services, "SELECT lead_revision FROM unscored") == 2

    hear(services, "hubspot", "51", NOW + timedelta(seconds=1), jobtitle="CTO")
    assert value(services, OWED) == 0


def test_what_a_webhook_told_later_stays_whoever_comes_first(services: Services, crm: VendorApi) -> None:
    crm.answer = HubSpotRecords(EARLIER, _51={"jobtitle": "Intern", "numemployees": "40", "industry": "RETAIL"})
    hear(services, "hubspot", "51", NOW, jobtitle="CEO")
    fetch_back("hubspot")
    assert known(services) == {"job_title": "CEO", "company_size": 40, "industry": "RETAIL", "stage": None}
    hear(services, "hubspot", "51", EARLIER - timedelta(hours=1), numemployees="3")
    assert known(services)["company_size"] == 40
    hear(services, "hubspot", "51", EARLIER, industry="BANKING")  # of one moment a delivery's own word
    assert known(services)["industry"] == "BANKING"


def test_what_is_gone_is_given_up_quietly(services: Services, crm: VendorApi) -> None:
    crm.answer = HubSpotRecords(NOW, _2=PERSON)
    for lead in ("1", "2", "no-id"):
        hear(services, "hubspot", lead)
    fetch_back("hubspot")
    assert [one["id"] for one in crm.asked[0].json["inputs"]] == ["1", "2"]
    assert (value(services, OWED), value(services, "SELECT count(*) FROM dead_letters")) == (0, 0)


def test_one_that_cannot_be_taken_spoils_no_other(services: Services, crm: VendorApi) -> None:
    deep: Any = "x"
    for _ in range(12):
        deep = {"a": deep}
    crm.answer = HubSpotRecords(NOW, _1={"industry": deep}, _2=PERSON)
    hear(services, "hubspot", "1")
    hear(services, "hubspot", "2")
    fetch_back("hubspot")
    assert value(services, "SELECT attributes ->> 'job_title' FROM leads WHERE external_id = '2'") == "CEO"
    [letter] = rows(services, "SELECT task, arguments ->> 'target' AS target, error FROM dead_letters")
    assert letter == {"task": "outbound.fetch_back", "target": "fetch", "error": "nested deeper than 8 objects"}


class ZohoRecords:
    """An account whose access tokens are `1`, `2`, …; `good` is the one that opens it."""

    def __init__(self) -> None:
        self.given = 0
        self.good = "1"

    def __call__(self, asked: Asked) -> Response:
        if asked.path == "/oauth/v2/token":
            form = parse_qs(asked.body.decode())
            if form["refresh_token"] != [REFRESH] or form["grant_type"] != ["refresh_token"]:
                return JSONResponse({"error": "invalid_code"})
            self.given += 1
            return JSONResponse({"access_token": str(self.given), "expires_in": 3600})
        if asked.headers["authorization"] != f"Zoho-oauthtoken {self.good}":
            return JSONResponse({"code": "INVALID_TOKEN"}, 401)
        record = {
            "Designation": "CEO",
            "Email": "ann@example.com",
            "Owner": {"id": "7", "name": "Bo"},
            "$locked": False,
        }
        told = [{"id": lead, "Modified_Time": NOW.isoformat(), **record} for lead in asked.query["ids"].split(",")]
        return JSONResponse({"data": told, "info": {}})


def test_zoho_gives_a_token_and_then_records(services: Services, crm: VendorApi) -> None:
    zoho = crm.answer = ZohoRecords()
    hear(services, "zoho", "4876876000000000001")
    fetch_back("zoho")
    assert crm.asked[1].path == "/crm/v8/Leads"
    assert "Designation" in crm.asked[1].query["fields"].split(",")
    assert value(services, "SELECT attributes FROM leads") == {"job_title": "CEO"}
    assert value(services, "SELECT owner FROM leads") == "7"
    assert value(services, "SELECT count(*) FROM lead_contacts") == 1

    hear(services, "zoho", "4876876000000000002")
    fetch_back("zoho")
    assert zoho.given == 1
    zoho.good = "2"  # Zoho ended the first before its time
    hear(services, "zoho", "4876876000000000003")
    fetch_back("zoho")
    assert (zoho.given, value(services, OWED)) == (2, 0)


def test_a_refused_refresh_token_is_told_once_and_without_it(
    services: Services, crm: VendorApi, caplog: pytest.LogCaptureFixture
) -> None:
    crm.answer = lambda _: JSONResponse({"error": "invalid_code"})
    hear(services, "zoho", "4876876000000000001")
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            fetch_back("zoho")
            execute(services, "UPDATE outbound_work SET due = now()")
            services.redis.delete("service6:rest:zoho:fetch")
    assert [record.getMessage() for record in caplog.records if "left alone" in record.getMessage()] == [
        "a CRM is left alone for 900 s: zoho fetch: "
        "it gives no access token: is the refresh token right, and not revoked?"
    ]
    assert REFRESH not in caplog.text
    assert "hush-client" not in caplog.text


def test_who_does_not_ask_for_it_owes_nothing(services: Services) -> None:
    hear(services, "standard", "L1")
    assert value(services, "SELECT count(*) FROM outbound_work") == 0
