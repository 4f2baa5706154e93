"""In whatever order a vendor's events arrive, it is the same lead; whose they are, and when they were sent."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pipeline.errors import Misconfigured, Refused
from pipeline.leads import opportunities
from pipeline.leads.merging import Lead
from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.vendors.parse_result import IgnoredReason
from pipeline.vendors.signed_request import SignedRequest
from pipeline.wiring import Services
from tests.support import crm
from tests.support.crm import SAMPLE_VENDORS, expected, sample_vendor, sequence
from tests.support.keys import SECRET_KEY
from workers.webhooks.receiver import BodyParser, body_parser, receiver, receivers

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def told(made: BodyParser, bodies: list[bytes]) -> Lead:
    lead = Lead("x", "")
    for body in bodies:
        changes, _ = made.changes(made.report(body), crm.sample_vendor("standard").signed(body)["webhook-id"], NOW)
        for change in changes:
            assert lead.external_id in ("", change.external_id)
            lead.external_id = change.external_id
            opportunities.fold(Lead.fold, lead, change, NOW)
    return lead


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_whatever_the_order_it_is_the_same_lead(services: Services, name: str) -> None:
    made = body_parser(services, name)
    wanted = expected(name)

    @given(st.permutations(sequence(name) * 2))
    @settings(max_examples=40)
    def ends_alike(bodies: list[bytes]) -> None:
        lead = told(made, bodies)
        assert (lead.external_id, lead.stage, lead.owner) == (wanted["external_id"], wanted["stage"], wanted["owner"])
        assert lead.attributes == wanted["attributes"]
        assert sorted(lead.contacts) == wanted["sealed"]
        assert (lead.outcome, lead.outcome_at) == (wanted["outcome"], datetime.fromisoformat(wanted["outcome_at"]))

    ends_alike()


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_no_value_that_is_personal_stays_in_the_attributes(services: Services, name: str) -> None:
    assert "jane" not in repr(told(body_parser(services, name), sequence(name)).attributes).casefold()


@pytest.mark.parametrize("name", [name for name in SAMPLE_VENDORS if name != "standard"])
def test_what_is_sent_again_has_the_same_id(services: Services, name: str) -> None:
    """And each change its own, whatever number of attempt the vendor writes beside it."""
    made = body_parser(services, name)
    bodies = sequence(name)
    again = [
        body.replace(b'"attemptNumber": 0', b'"attemptNumber": 1').replace(b'"attempt": 1', b'"attempt": 2')
        for body in bodies
    ]
    ids = [[event.delivery_id for body in sent for event in made.report(body).events] for sent in (bodies, again)]
    assert ids[0] == ids[1]
    assert len({*ids[0]}) == len(ids[0])


# Whose it is, and when it was sent.


def test_what_another_account_says_is_acknowledged_and_counted(services: Services) -> None:
    """Its signature is as good as ours: all customers of the vendor have the same."""
    body = sequence("gohighlevel")[0].replace(crm.LOCATION.encode(), b"another-location")
    report = body_parser(services, "gohighlevel").report(body)
    assert (list(report.events), report.ignored) == ([], Counter({IgnoredReason.OTHER_ACCOUNT: 1}))
    assert enter(services, "gohighlevel", body) == []


def test_what_would_not_be_sent_again_is_refused(services: Services) -> None:
    """Its delivery's id may be forgotten by then."""
    body = sequence("gohighlevel")[0]
    assert len(enter(services, "gohighlevel", body, NOW - timedelta(days=1))) == 1
    with pytest.raises(Refused, match="older"):
        enter(services, "gohighlevel", body, NOW + timedelta(days=1))


def enter(services: Services, name: str, body: bytes, now: datetime = NOW) -> list[str]:
    sender = sample_vendor(name)
    headers = {header.lower(): value for header, value in sender.signed(body, now).items()}
    with freeze_time(now):
        changes, _ = receiver(services, name).read(SignedRequest("POST", sender.uri, body, headers), now)
    return [change.external_id for change in changes]


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_every_door_opens_to_its_vendor(services: Services, name: str) -> None:
    assert {*enter(services, name, sequence(name)[0])} == {expected(name)["external_id"]}
    assert set(receivers(services)) == {*SAMPLE_VENDORS}


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("SERVICE6_API__PUBLIC_URL", "source hubspot: .*PUBLIC_URL"),
        ("SERVICE6_SOURCES__GOHIGHLEVEL__ACCOUNTS", "source gohighlevel: .*ACCOUNTS"),
    ],
)
def test_a_door_that_would_trust_too_much_is_a_fault_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, reason: str
) -> None:
    for name, value in {**crm.environment(), "SERVICE6_SECRET_KEY": SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(variable)
    with pytest.raises(Misconfigured, match=reason):
        receivers(Services(load(tmp_path), Metrics(CollectorRegistry())))


def test_there_is_no_such_source(services: Services) -> None:
    with pytest.raises(Misconfigured, match="no source 'nobody'"):
        body_parser(services, "nobody")
