"""Changes -> one transaction: deduplicated, merged, sealed, and owed a score."""

import base64
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
import pytest
import redis
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text

from pipeline.errors import GiveUp, Malformed, Misconfigured
from pipeline.settings.loader import Settings
from pipeline.storage.leads import contacts
from pipeline.wiring import Services
from schemas.lead import LeadChange
from tests.integration.rows import leads_saved, rows, save, told, value
from tests.support import crm
from tests.support.serving import api, delivery, log_of, open_services, worker
from tests.support.waiting import eventually
from workers.webhooks.receiver import body_parser

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEADS = "SELECT external_id, revision, attributes, stage, owner, outcome FROM leads ORDER BY id"
MESSAGE_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/=]+)"')
_leads = count(1)


def opened(services: Services, lead_id: int) -> object:
    sealed = value(services, "SELECT sealed FROM lead_contacts WHERE lead_id = :id", id=lead_id)
    return services.vault.open(bytes(sealed), contacts.row_name(lead_id))


def test_a_new_lead_is_saved_and_owed_a_score(services: Services) -> None:
    [lead] = save(services, [told(services, "L1", budget=5, stage="new", owner="ann", outcome="won")])
    assert rows(services, LEADS) == [
        {
            "external_id": "L1",
            "revision": 1,
            "attributes": {"budget": 5},
            "stage": "new",
            "owner": "ann",
            "outcome": "won",
        }
    ]
    assert rows(services, "SELECT lead_id, lead_revision, attempts, dead FROM unscored") == [
        {"lead_id": lead, "lead_revision": 1, "attempts": 0, "dead": False}
    ]


def test_a_person_who_is_erased_is_found_no_more(services: Services) -> None:
    at = NOW - timedelta(days=1)
    [lead] = save(services, [told(services, "L1", at, budget=5, email="ann@example.com", phone="+49 30 1234567")])
    assert opened(services, lead) == {"email": "ann@example.com", "phone": "+49 30 1234567"}
    erasure = told(services, "L1", NOW)._replace(forgets=True)
    assert save(services, [erasure]) == [lead]
    assert opened(services, lead) == {}
    indexes = rows(services, "SELECT email_index, phone_index FROM lead_contacts")
    assert indexes == [{"email_index": None, "phone_index": None}]
    assert [row["attributes"] for row in rows(services, LEADS)] == [{"budget": 5}]
    # Another change tells nothing of the person; a late one of before neither.
    save(services, [told(services, "L1", NOW, budget=6), told(services, "L1", at, email="ann@example.com")])
    assert opened(services, lead) == {}


def test_a_person_who_is_erased_before_he_is_known_stays_unknown(services: Services) -> None:
    at = NOW - timedelta(days=1)
    erasure = told(services, "L1", NOW)._replace(forgets=True)
    assert save(services, [erasure]) == []
    assert save(services, [erasure._replace(delivery_id="again")]) == []
    assert rows(services, "SELECT * FROM unscored") == []
    assert save(services, [told(services, "L1", at, budget=5, email="ann@example.com")])
    assert rows(services, "SELECT attributes, active_at FROM leads") == [{"attributes": {"budget": 5}, "active_at": at}]
    # The same if both come in together.
    other = told(services, "L2", NOW)._replace(forgets=True)
    assert save(services, [other, told(services, "L2", at, budget=5, email="bo@example.com")])
    assert rows(services, "SELECT lead_id FROM lead_contacts") == []


def test_a_delivery_counts_once_in_a_group_and_after_it(services: Services) -> None:
    change = told(services, "L1", budget=1)
    later = change._replace(occurred_at=change.occurred_at + timedelta(days=1), attributes={"budget": 2})
    assert len(save(services, [change, change])) == 1
    assert save(services, [later]) == []
    assert rows(services, LEADS)[0]["attributes"] == {"budget": 1}


def test_two_sources_may_use_one_delivery_id_and_one_lead_id(services: Services) -> None:
    change = told(services, "L1", budget=1)
    assert len(save(services, [change, change._replace(source="other")])) == 2


def test_a_group_raises_a_leads_revision_once_whatever_it_brings(services: Services) -> None:
    save(services, [told(services, "L1", budget=1), told(services, "L1", visits=2), told(services, "L2")])
    save(services, [told(services, "L1", meetings=3), told(services, "L1", stage="won")])
    assert [(row["revision"], row["attributes"], row["outcome"]) for row in rows(services, LEADS)] == [
        (2, {"budget": 1, "visits": 2, "meetings": 3}, "won"),
        (1, {}, None),
    ]


def test_a_change_that_says_nothing_newer_owes_nothing(services: Services) -> None:
    [lead] = save(services, [told(services, "L1", at=NOW, budget=1)])
    assert save(services, [told(services, "L1", at=NOW - timedelta(days=1), budget=2)]) == []
    assert value(services, "SELECT revision FROM leads") == 1
    assert save(services, [told(services, "L1", at=NOW - timedelta(days=1), visits=2)]) == [lead]


def test_a_lead_may_not_outgrow_its_bounds_and_then_nothing_is_saved(services: Services) -> None:
    limit = services.settings.intake.attribute_limit
    save(services, [told(services, "L1", **{f"a{n}": n for n in range(limit)})])
    for attributes in ({"one_more": 1}, {"email": "ann@example.com"}):
        with pytest.raises(Malformed, match="more than 500 attributes"):
            save(services, [told(services, "L1", **attributes), told(services, "L2")])  # type: ignore[arg-type]
    assert [row["revision"] for row in rows(services, LEADS)] == [1]
    assert value(services, "SELECT count(*) FROM deliveries") == 1


def test_contacts_are_merged_sealed_and_found_by_their_indexes(services: Services) -> None:
    [lead] = save(services, [told(services, "L1", email="Ann@Example.com", budget=1)])
    save(services, [told(services, "L1", mobile_phone="+44 7700 900123")])
    save(services, [told(services, "L1", visits=3)])
    assert opened(services, lead) == {"email": "Ann@Example.com", "mobile_phone": "+44 7700 900123"}
    found = value(
        services,
        "SELECT lead_id FROM lead_contacts WHERE email_index = :email AND phone_index = :phone",
        email=services.vault.email_index("ann@example.com"),
        phone=services.vault.phone_index("+447700900123"),
    )
    assert found == lead


def test_contacts_of_a_key_that_is_gone_are_our_fault_not_the_senders(services: Services) -> None:
    save(services, [told(services, "L1", email="ann@example.com")])
    with open_services(services.settings.model_copy(update={"secret_key": SecretStr("another key")})) as other:
        with pytest.raises(Misconfigured, match="do not open"):
            save(other, [told(other, "L1", email="bo@example.com")])
        assert save(other, [told(other, "L1", visits=1)])


def test_values_that_postgresql_refuses_are_not_quoted(services: Services) -> None:
    with pytest.raises(GiveUp) as caught, services.session() as db:
        db.execute(text("SELECT CAST(:value AS jsonb)"), {"value": '{"hush": '})
    assert "hush" not in "".join(traceback.format_exception(caught.value))


# Any order and repetition, against the real tables.

NAMES = st.sampled_from(["a", "b", "email"])


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, object]]:
    return [
        {
            "at": NOW - timedelta(seconds=draw(st.integers(0, 3))),
            "attributes": draw(st.dictionaries(NAMES, st.sampled_from(["x", "y", "z"]), max_size=3)),
            "stage": draw(st.none() | st.sampled_from(["new", "won", "lost"])),
        }
        for _ in range(draw(st.integers(1, 5)))
    ]


@pytest.fixture(scope="module")
def shared(place: Settings) -> Iterator[Services]:
    with open_services(place) as made:
        yield made


@given(st.data(), histories())
@examples(max_examples=25)
def test_any_order_and_repetition_ends_in_the_same_lead(
    shared: Services, data: st.DataObject, history: list[dict[str, object]]
) -> None:
    number = next(_leads)

    def changes(lead: str) -> list[LeadChange]:
        source = shared.source_map("standard")
        return [
            source.change(lead, f"{lead}-{n}", step["at"], {**step["attributes"], "stage": step["stage"]})  # type: ignore[arg-type, dict-item]
            for n, step in enumerate(history)
        ]

    straight, shuffled = f"A{number:06}", f"B{number:06}"
    save(shared, changes(straight))
    again = data.draw(st.lists(st.sampled_from(range(len(history))), max_size=4))
    order = data.draw(st.permutations([*range(len(history)), *again]))
    told_now = [changes(shuffled)[n] for n in order]
    cut = data.draw(st.integers(0, len(order)))
    for group in (told_now[:cut], told_now[cut:]):
        save(shared, group)
    assert _state(shared, straight) == _state(shared, shuffled)


def _state(services: Services, lead: str) -> dict[str, object]:
    query = "SELECT id, attributes, stage, outcome, outcome_at, active_at FROM leads WHERE external_id = :lead"
    [row] = rows(services, query, lead=lead)
    lead_id = row.pop("id")
    sealed = rows(services, "SELECT sealed FROM lead_contacts WHERE lead_id = :id", id=lead_id)
    return {**row, "contacts": opened(services, lead_id) if sealed else {}}


# Personal data is in lead_contacts alone.

PLANTED = {
    "email": "Planted.Mail@example.com",
    "phone": "+49 151 98765432",
    "first_name": "Plantedname",
    "note": "ask planted.other@example.org or (555) 765-4321",
    "nested": {"contact": {"street": "Plantedstreet 7", "zip": 98761}},
    "Planted.Key@example.com": "clicked",
    "owner": "planted.owner@example.com",
    "stage": "waits for planted.stage@example.com",
}
NEEDLES = [b"planted", b"98765432", b"765-4321", b"98761"]


def test_personal_data_is_nowhere_but_sealed(settings: Settings) -> None:
    with api(settings) as served, open_services(settings) as services:
        body = delivery("planted.id@example.com", budget=80_000, source="referral", **PLANTED)
        assert served.send(body).status_code == 202
        for number, named in enumerate(("planted.delivery@example.com", "+49 151 98765432", "call (555) 765-4321")):
            for budget in (81_000 + number, 1):  # the second is the same delivery again, and tells nothing
                told = delivery("planted.id@example.com", budget=budget)
                assert served.send(told, **served.signed(told, delivery_id=named)).status_code == 202
        assert served.tell("planted.id@example.com", budget="planted@example.com", x=float("inf")).status_code == 400
        eventually(lambda: b"score_leads" in _redis(settings))
        assert not _found(_redis(settings))  # the message
        with worker(settings):
            eventually(lambda: rows(services, "SELECT * FROM scores"), within_s=40)
        everything = _tables(services)
        assert {"leads", "scores", "score_history", "feature_vectors", "outbox", "lead_contacts"} <= everything.keys()
        for table, content in everything.items():
            assert not _found(content), table
        assert not _found(_redis(settings))
        assert not _found(served.get("/api/v1/leads").content)
        assert not _found(served.get("/api/v1/leads/1").content)
        [lead_id] = [row["id"] for row in rows(services, "SELECT id FROM leads")]
        assert value(services, "SELECT attributes ->> 'budget' FROM leads") == "81002"
        assert value(services, "SELECT count(*) FROM deliveries WHERE delivery_id LIKE 'p!_%' ESCAPE '!'") == 3
        assert "Plantedname" in str(opened(services, lead_id))  # not lost
    for name in ("api", "worker"):
        assert not _found(log_of(settings, name).read_bytes())


def _found(content: bytes) -> list[bytes]:
    low = content.lower()
    return [needle for needle in NEEDLES if needle in low or needle.hex().encode() in low]


def _tables(services: Services) -> dict[str, bytes]:
    """Every row of every table as PostgreSQL writes it: text as it is, bytes as hexadecimal digits."""
    names = rows(
        services, "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    found: dict[str, bytes] = {}
    for name in (row["name"] for row in names):
        content = value(services, f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {name} t")  # noqa: S608
        table = "score_history" if name.startswith("score_history") else name
        found[table] = found.get(table, b"") + content.encode()
    return {name: content for name, content in found.items() if content}


def _redis(settings: Settings) -> bytes:
    """Every key, value and unpacked Celery message."""
    found = []
    with redis.Redis.from_url(settings.redis_url) as client:
        read = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"stream": client.xrange,
        }
        for key in client.scan_iter():
            found.append(key + repr(read[client.type(key)](key)).encode())
    everything = b"\n".join(found)
    return everything + b"".join(base64.b64decode(body) for body in MESSAGE_BODY.findall(everything))


def test_leads_are_saved_as_one_transaction(services: Services) -> None:
    assert len(leads_saved(services, 50)) == 50
    assert value(services, "SELECT count(DISTINCT xmin::text) FROM leads") == 1


def of_gohighlevel(services: Services, **said: object) -> list[LeadChange]:
    body = {"locationId": crm.LOCATION, "timestamp": NOW.isoformat(), **said}
    parser = body_parser(services, "gohighlevel")
    return parser.changes(parser.report(orjson.dumps(body)), None, NOW)[0]


def test_a_second_opportunity_does_not_undo_the_first(services: Services) -> None:
    kind = {"type": "OpportunityUpdate", "contactId": "g1"}
    first = {"id": "op1", "monetaryValue": 250_000, "status": "won", "webhookId": "w1"}
    second = {"id": "op3", "monetaryValue": 1_000, "status": "lost", "webhookId": "w2"}
    save(services, of_gohighlevel(services, **kind, **first))
    save(services, of_gohighlevel(services, **kind, **second))
    [lead] = rows(services, LEADS)
    assert (lead["outcome"], lead["attributes"]["budget"], lead["revision"]) == ("won", 250_000, 2)
    assert lead["attributes"]["$opportunity/op3/budget"] == 1_000
    assert value(services, "SELECT count(*) FROM timeline") == 2


def test_a_told_value_and_an_opt_out_are_kept_whatever_their_spelling(services: Services) -> None:
    fields = [{"id": "cfBudget", "type": "string", "fieldValueString": "75000"}, {"id": "cfX", "fieldValue": "yes"}]
    opt_out = {"dnd": False, "dndSettings": {"Email": {"status": "permanent"}, "SMS": {"status": "inactive"}}}
    save(services, of_gohighlevel(services, type="ContactUpdate", id="g3", customFields=fields, **opt_out))
    [lead] = rows(services, LEADS)
    assert lead["attributes"] == {
        "custom.cf_budget": "75000",
        "custom.cf_x": "yes",
        "unsubscribed": True,
        "dnd_sms": False,
    }
