"""A delivery becomes a change: stage, owner and outcome recognised, personal data apart."""

from datetime import UTC, datetime

import pytest

from pipeline.leads.attribute_names import AttributeNames
from pipeline.leads.merging import ORIGINAL_ID
from pipeline.leads.money import Rates
from pipeline.leads.source_mapping import WORD_LIMIT, SourceMap
from pipeline.security.vault import Vault
from pipeline.settings.sources import FieldSettings, SourceSettings
from schemas.lead import OPEN, REMOVED, LeadChange, Outcome
from schemas.score import Value

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VAULT = Vault(["a secret key"])
SOURCE = SourceMap(
    "standard",
    SourceSettings(
        vendor="standard",
        fields={
            "Office Phone": FieldSettings(personal=False),
            "jobtitle": FieldSettings(name="job_title"),
            "nickname_of_deal": FieldSettings(name="stage"),
            "title": FieldSettings(personal=True),
            "numemployees": FieldSettings(name="company_size", kind="number"),
        },
        stage=("stage", "lead_status"),
        owner=("owner",),
        outcome=("outcome",),
        won=("won", "Closed Won"),
        lost=("lost", "dead"),
        open=("open",),
    ),
    VAULT,
    AttributeNames({}),
    Rates(),
)


def told(external_id: str = "L1", /, **attributes: Value) -> LeadChange:
    return SOURCE.change(external_id, "d1", NOW, attributes)


def test_identity_is_taken_over() -> None:
    change = told(budget=1)
    assert change[:4] == ("standard", "L1", "d1", NOW)
    assert (change.attributes, change.contacts) == ({"budget": 1}, {})
    assert (change.stage, change.owner, change.outcome) == (None, None, None)


@pytest.mark.parametrize("name", ["stage", "Stage", "leadStatus", "Lead Status", "lead_status"])
def test_stage_however_it_is_spelled(name: str) -> None:
    change = told(**{name: " Qualified "})
    assert (change.stage, change.attributes) == ("Qualified", {})


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        ({"outcome": "WON"}, Outcome.WON),
        ({"outcome": " closed won "}, Outcome.WON),
        ({"outcome": "Lost"}, Outcome.LOST),
        ({"stage": "Closed Won"}, Outcome.WON),
        ({"stage": "dead", "outcome": "won"}, Outcome.WON),
        ({"outcome": "pending"}, None),
        ({"outcome": "Open"}, OPEN),
        ({"stage": "open"}, OPEN),
        ({"stage": "dead", "outcome": "open"}, Outcome.LOST),
        ({"outcome": None}, None),
        ({"outcome": 1}, None),
        ({"stage": "new"}, None),
    ],
)
def test_outcome_words(attributes: dict[str, Value], outcome: str | None) -> None:
    assert told(**attributes).outcome == outcome


@pytest.mark.parametrize("value", [None, "", "   ", "--None--", "(not set)"])
def test_an_empty_stage_or_owner_takes_it_away(value: Value) -> None:
    change = told(stage=value, owner=value)
    assert (change.stage, change.owner) == (REMOVED, REMOVED)


def test_of_several_fields_of_the_owner_the_one_that_says_something_counts() -> None:
    assert told(lead_status="New", stage=None).stage == "New"


def test_long_words_are_cut() -> None:
    assert told(stage="x" * 1000).stage == "x" * WORD_LIMIT


def test_personal_attributes_are_set_apart() -> None:
    change = told(email="ann@example.com", note="ask bo@example.com", budget=5, email_opens=3)
    assert change.attributes == {"budget": 5, "email_opens": 3}
    assert change.contacts == {"email": "ann@example.com", "note": "ask bo@example.com"}


def test_a_field_gets_our_name_and_kind() -> None:
    assert told(jobtitle="CTO", numemployees="120").attributes == {"job_title": "CTO", "company_size": 120}
    assert told(nickname_of_deal="Qualified").stage == "Qualified"


@pytest.mark.parametrize("name", ["office_phone", "Office Phone", "officePhone"])
def test_the_configuration_says_what_is_not_personal_however_it_is_spelled(name: str) -> None:
    assert told(**{name: "+44 20 7946 0000"}).attributes == {"office_phone": "+44 20 7946 0000"}


def test_the_configuration_says_what_is_personal() -> None:
    change = told(title="the house of ann")
    assert (change.attributes, change.contacts) == ({}, {"title": "the house of ann"})


def test_an_identifier_that_is_an_address_gets_a_pseudonym() -> None:
    change = told("ann@example.com")
    assert change.external_id == told("Ann@Example.com").external_id == VAULT.pseudonym("ann@example.com")
    assert change.contacts == {ORIGINAL_ID: "ann@example.com"}


def test_an_owner_that_is_an_address_gets_a_pseudonym() -> None:
    change = told(owner="bo@example.com")
    assert change.owner == SOURCE.owner("bo@example.com") == VAULT.pseudonym("bo@example.com")
    assert told(owner="bo").owner == "bo"


def test_a_stage_that_names_a_person_is_sealed() -> None:
    change = told(stage="waits for bo@example.com")
    assert (change.stage, change.attributes) == (None, {})
    assert change.contacts == {"stage": "waits for bo@example.com"}


def test_a_name_that_is_an_address_is_stored_nowhere_open() -> None:
    """Names of sealed attributes stand in `attribute_times`."""
    change = told(**{"ann@example.com": "clicked"})
    assert change.attributes == {}
    assert change.contacts == {VAULT.pseudonym("ann@example.com"): "clicked"}


# Delivery ids.

ADDRESSES = ["ann@example.com", "Re: ann@example.com #7", "+49 151 98765432", "(555) 765-4321", "555 765 4321"]


@pytest.mark.parametrize("delivery_id", ADDRESSES)
def test_a_delivery_id_that_is_an_address_becomes_a_pseudonym_of_its_own(delivery_id: str) -> None:
    hidden = SOURCE.delivery(delivery_id)
    assert hidden.startswith("p_")
    assert hidden == SOURCE.delivery(delivery_id)
    assert hidden != VAULT.pseudonym(delivery_id)
    assert len({SOURCE.delivery(each) for each in (delivery_id, delivery_id + " ", "x" + delivery_id)}) == 3


def test_the_case_of_a_delivery_id_counts() -> None:
    assert SOURCE.delivery("Ann@example.com") != SOURCE.delivery("ann@example.com")


@pytest.mark.parametrize(
    "delivery_id",
    ["", "msg_1", "1795348800", "4915198765432", "0b8f5c1e-7d3a-4c1e-9a77-52d1c0a4b6f3", "run:000000017", "a@b"],
)
def test_other_delivery_ids_stay_as_they_are(delivery_id: str) -> None:
    assert SOURCE.delivery(delivery_id) == delivery_id


@pytest.mark.parametrize("name", ["ann@example.com", "+49 151 98765432", "call (555) 765-4321"])
def test_a_field_that_is_called_by_an_address_is_known_by_a_pseudonym(name: str) -> None:
    change = told(**{name: "clicked"})
    assert change.attributes == {}
    assert change.contacts == {VAULT.pseudonym(name): "clicked"}
