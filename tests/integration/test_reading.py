"""What a CRM says is read as a person would read it, whichever way it comes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from commands.source_sheet import source_sheet
from commands.webhook_trial import attempt
from pipeline.importing.csv_rows import Layout
from pipeline.services.attribute_histories import load
from pipeline.services.ingest import as_lead, lead_saver
from pipeline.services.reread_leads import older_leads, reread_leads
from pipeline.services.start_run import resolve_attributes
from pipeline.settings.loader import Settings
from pipeline.storage.leads import contacts, lead_rows
from pipeline.storage.runs import lead_selection
from pipeline.wiring import Services
from schemas.run import LeadFilter
from schemas.score import LeadScore
from tests.support.serving import in_this_process, open_services
from workers.importer.importer import Importer
from workers.importer.summary import summary
from workers.webhooks.receiver import body_parser

_numbers = count(1)


@pytest.fixture(scope="module")
def services(place: Settings) -> Iterator[Services]:
    with open_services(place) as made, in_this_process(made):
        yield made


class Told:
    """One lead, and what it has been told; moments rise by a second."""

    def __init__(self, services: Services, source: str = "standard") -> None:
        self.id = f"lead-{next(_numbers)}"
        self.source = source
        self._services = services
        self._at = datetime.now(UTC) - timedelta(hours=1)

    def by_webhook(self, **data: object) -> "Told":
        self._at += timedelta(seconds=1)
        return self.by_body(
            {"type": "lead.updated", "timestamp": self._at.isoformat(), "data": {"id": self.id, **data}},
        )

    def by_body(self, body: object) -> "Told":
        parser = body_parser(self._services, self.source)
        changes, _ = parser.changes(parser.report(orjson.dumps(body)), f"d{next(_numbers)}", datetime.now(UTC))
        with self._services.session() as db:
            lead_saver(self._services).save(db, changes, datetime.now(UTC))
        return self

    def by_file(self, path: Path, **cells: str) -> "Told":
        imported(self._services, path, self.source, f"id,{','.join(cells)}\n{self.id},{','.join(cells.values())}\n")
        return self

    @property
    def row(self) -> lead_rows.LeadRow:
        with self._services.session() as db:
            return lead_rows.find(db, [(self.source, self.id)])[0]

    @property
    def attributes(self) -> Mapping[str, object]:
        return self.row.attributes

    @property
    def score(self) -> LeadScore:
        row = self.row
        return self._services.scorer.attempt(row.attributes, datetime.now(UTC), row.active_at)

    @property
    def labels(self) -> dict[str, str]:
        return {factor.attribute: factor.label for factor in self.score.factors}

    def found_by(self, contact: str) -> bool:
        with self._services.session() as db:
            return self.row.id in contacts.find(db, *self._services.vault.indexes(contact), 9)


def imported(services: Services, path: Path, source: str, content: str, **layout: object) -> None:
    file = path / "leads.csv"
    file.write_text(content, encoding="utf-8")
    asked = Layout(**{"id": content.splitlines()[0].replace(";", ",").split(",")[0], **layout})  # type: ignore[arg-type]
    with Importer(services, file, source=source, layout=asked) as work:
        work.survey()
        assert work.run(lambda _: None).rejected == 0


def row_of(services: Services, source: str, external_id: str) -> lead_rows.LeadRow:
    with services.session() as db:
        return lead_rows.find(db, [(source, external_id)])[0]


def labels_of(services: Services, source: str, external_id: str) -> dict[str, str]:
    row = row_of(services, source, external_id)
    score = services.scorer.attempt(row.attributes, datetime.now(UTC), row.active_at)
    return {factor.attribute: factor.label for factor in score.factors}


# One canonical name.


def test_a_webhook_is_newer_than_the_heading_of_a_file(services: Services, tmp_path: Path) -> None:
    lead = Told(services).by_file(tmp_path, **{"Budget": "900", "Lead Source": "cold call", "Job Title": "student"})
    lead._at = datetime.now(UTC)
    lead.by_webhook(budget=900_000, lead_source="referral", job_title="CEO")
    assert lead.attributes == {"budget": 900_000, "lead_source": "referral", "job_title": "CEO"}
    assert (
        lead.labels.items()
        >= {
            "budget": "very large budget",
            "lead_source": "came by referral",
            "seniority": "decides alone",
        }.items()
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("leadSource", "lead_source"),
        ("original_source", "LEAD-SOURCE"),
        ("lead_source", "leadSource"),
    ],
)
def test_of_two_spellings_the_newer_value_counts(services: Services, first: str, second: str) -> None:
    lead = Told(services).by_webhook(**{first: "cold call"}).by_webhook(**{second: "referral"})
    assert lead.attributes == {"lead_source": "referral"}


def test_of_one_delivery_the_better_name_counts_and_the_other_is_kept_beside_it(services: Services) -> None:
    lead = Told(services).by_webhook(amount=7, budget=50_000, deal_value=9)
    assert lead.attributes == {"budget": 50_000, "amount": 7, "deal_value": 9}


def test_a_filter_finds_all_leads_that_the_scorer_reads_so(services: Services, tmp_path: Path) -> None:
    imported(services, tmp_path, "where", "Record ID,Budget\nw-1,50000\nw-2,60000\n")
    imported(services, tmp_path, "where", "Record ID,Deal Value,Unsubscribed\nw-3,70000,Ja\nw-4,100,nein\n")

    def matching(attribute: str, operator: str, value: object) -> set[str]:
        asked = LeadFilter.model_validate(
            {"sources": ["where"], "where": [{"attribute": attribute, "operator": operator, "value": value}]}
        )
        with services.session() as db:
            chosen = lead_selection.selection(resolve_attributes(db, asked, services.attribute_names), 0)
            query = f"SELECT l.external_id FROM leads l WHERE {chosen.conditions}"  # noqa: S608
            return set(db.connection().exec_driver_sql(query, chosen.values).scalars())

    for name in ("Budget", "budget", "deal_value", "Amount"):
        assert matching(name, ">=", 50_000) == {"w-1", "w-2", "w-3"}
    assert matching("opted out", "=", "yes") == {"w-3"}


# Null and less are news.


def test_a_contact_detail_that_is_gone_is_found_no_more(services: Services) -> None:
    lead = Told(services).by_webhook(email="gone@example.org", name="Ann")
    assert lead.found_by("gone@example.org")
    lead.by_webhook(email=None)
    assert not lead.found_by("gone@example.org")
    again = Told(services).by_webhook(email="here@example.org").by_webhook(email="")
    assert not again.found_by("here@example.org")


@pytest.mark.parametrize("nothing", [None, "", "--None--"])
def test_an_owner_a_stage_and_an_attribute_can_be_taken_away(services: Services, nothing: object) -> None:
    lead = Told(services).by_webhook(owner="o-77", stage="new", budget=5)
    lead.by_webhook(owner=nothing, stage=nothing, budget=nothing)
    assert (lead.row.owner, lead.row.stage, lead.attributes) == (None, None, {})


def test_an_owner_that_hubspot_empties_is_gone(services: Services) -> None:
    lead = Told(services, "hubspot")
    lead.id = str(next(_numbers) + 10**9)
    for number, owner in enumerate(("o-77", "")):
        event = {
            "eventId": number, "subscriptionId": 1, "portalId": 1, "objectId": int(lead.id),
            "occurredAt": int(datetime.now(UTC).timestamp() * 1000) + number,
            "subscriptionType": "contact.propertyChange", "propertyName": "hubspot_owner_id", "propertyValue": owner,
        }  # fmt: skip
        lead.by_body([event])
        assert lead.row.owner == (owner or None)


def test_an_owner_that_zoho_empties_is_gone(services: Services) -> None:
    lead = Told(services, "zoho")
    for number, owner in enumerate(({"id": "111"}, None)):
        lead.by_body(
            {
                "module": "Leads",
                "operation": "update",
                "ids": [lead.id],
                "channel_id": "1",
                "token": "t",
                "server_time": int(datetime.now(UTC).timestamp() * 1000) + number,
                "affected_values": [{"record_id": lead.id, "values": {"Owner": owner}}],
            }
        )
        assert lead.row.owner == (owner and owner["id"])


def test_a_smaller_object_or_list_leaves_nothing_of_the_one_before(services: Services) -> None:
    lead = Told(services).by_webhook(
        company={"employees": 500, "city": "Rome"}, products=[{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]
    )
    assert lead.attributes["company.employees"] == 500
    lead.by_webhook(company=None, products=[{"sku": "a", "qty": 1}])
    assert lead.attributes == {"products.0.sku": "a", "products.0.qty": 1}
    lead.by_webhook(products=[])
    assert lead.attributes == {}


@pytest.mark.parametrize("written", ["0170 1234567", "(0170) 1234567", "+49 170 1234567", "0049 170 1234567"])
def test_a_telephone_number_is_sealed_and_found_however_it_is_written(services: Services, written: str) -> None:
    lead = Told(services).by_webhook(remark=written)
    assert lead.attributes == {}
    for asked in ("0170 1234567", "+49 170 1234567", "0170/1234567"):
        assert lead.found_by(asked)


# Numbers, money, moments, answers.


def test_a_grouped_number_under_budget_is_no_telephone_number(services: Services, tmp_path: Path) -> None:
    assert Told(services).by_webhook(budget="12.500.000").attributes == {"budget": 12_500_000}
    imported(services, tmp_path, "csv", "Datensatz-ID;Budget\nde-3;12.500.000\nde-6;250 000 000\n")
    assert row_of(services, "csv", "de-6").attributes == {"budget": 250_000_000}


def test_the_column_and_the_separator_tell_what_a_dot_is(services: Services, tmp_path: Path) -> None:
    imported(services, tmp_path, "csv", "Datensatz-ID;Budget\nde-1;450.000\nde-2;1.250.000\nde-5;90.000\n")
    found = {name: row_of(services, "csv", name) for name in ("de-1", "de-2", "de-5")}
    assert [row.attributes["budget"] for row in found.values()] == [450_000, 1_250_000, 90_000]
    assert found["de-1"].raw == {"budget": "450.000"}


def test_a_source_tells_by_and_by_how_it_writes(services: Services) -> None:
    """A webhook has no column; what this attribute of the source has been so far decides."""
    first = Told(services).by_webhook(visits="1.250.000")
    assert first.attributes == {"visits": 1_250_000}
    assert Told(services).by_webhook(visits="450.000").attributes == {"visits": 450_000}


def test_suffixes_and_ranges(services: Services, tmp_path: Path) -> None:
    content = 'Record ID,Budget,Employees\nr-1,€1.2M,50-100\nr-2,500k,1000+\nr-3,"1,5 Mio.",5-25\nr-4,500k-1M,>10000\n'
    imported(services, tmp_path, "ranges", content)
    found = [row_of(services, "ranges", f"r-{n}").attributes for n in range(1, 5)]
    assert [each["budget"] for each in found] == [1_200_000, 500_000, 1_500_000, 750_000]
    assert [each["company_size"] for each in found] == [75, 1000, 15, 10_000]


@pytest.mark.parametrize("endless", ["inf", "Infinity", "-inf", "NaN"])
def test_infinity_is_no_budget(services: Services, endless: str) -> None:
    assert Told(services).by_webhook(budget=endless, visits=endless).attributes == {}


def test_an_amount_is_compared_in_one_currency(services: Services) -> None:
    yen = Told(services).by_webhook(amount=3_000_000, currency="JPY")
    dollars = Told(services).by_webhook(amount=19_000, currency="USD")
    assert (yen.labels["budget"], dollars.labels["budget"]) == ("small budget", "small budget")
    assert yen.row.raw == {"budget": 3_000_000}
    # The currency may come later, and change.
    later = Told(services).by_webhook(budget=1000).by_webhook(currency="USD")
    assert later.attributes["budget"] == 848
    assert later.by_webhook(currency="EUR").attributes["budget"] == 1000
    assert Told(services).by_webhook(budget="$1,000.00").attributes["budget"] == 848


@pytest.mark.parametrize("told", [{"budget": 3_000_000, "currency": "VND"}, {"budget": "3000000 VND"}])
def test_an_amount_without_a_rate_is_told_and_not_scored(services: Services, told: dict[str, object]) -> None:
    lead = Told(services).by_webhook(**told)
    assert lead.attributes["budget"] == "3000000 VND (no rate)"
    assert "budget" not in lead.labels


@pytest.mark.parametrize("currency", ["usd", "$", "US Dollar", "USD (US Dollar)"])
def test_a_currency_by_its_code_sign_or_name(services: Services, currency: str) -> None:
    assert Told(services).by_webhook(amount=1000, amount_currency=currency).attributes["budget"] == 848


def test_moments_of_spreadsheets(services: Services, tmp_path: Path) -> None:
    serial = (datetime.now(UTC).date() - datetime(1899, 12, 30, tzinfo=UTC).date()).days - 4
    day = datetime.now(UTC) - timedelta(days=4)
    content = f"Record ID,last_activity_at\nes-1,{serial}\nes-2,{day:%Y%m%d}\nes-3,0\nes-4,{day:%d.%m.%Y}\n"
    imported(services, tmp_path, "serials", content)
    for name in ("es-1", "es-2", "es-4"):
        assert labels_of(services, "serials", name)["last_activity_at"] == "active this week"
    assert "last_activity_at" not in row_of(services, "serials", "es-3").attributes


def test_dates_with_slashes_are_read_by_their_column(services: Services, tmp_path: Path) -> None:
    content = "Record ID,Created,Last Activity At\nda-1,27/11/2026,27/11/2026\nda-2,27/11/2026,03/04/2026\n"
    imported(services, tmp_path, "slashes", content, created="Created")
    assert row_of(services, "slashes", "da-1").attributes == {"last_activity_at": "2026-11-27T00:00:00+00:00"}
    assert row_of(services, "slashes", "da-2").attributes == {"last_activity_at": "2026-04-03T00:00:00+00:00"}


def test_a_moment_that_cannot_be_read_hides_no_other(services: Services) -> None:
    lead = Told(services).by_webhook(last_activity_at="yesterday, I think")
    assert lead.labels["last_activity_at"] == "active in the last two days"


@pytest.mark.parametrize("word", ["Y", "1.0", "on", "Ja", "x", "oui", "sí", "TRUE"])
def test_an_opt_out_however_it_is_said(services: Services, word: str) -> None:
    assert Told(services).by_webhook(unsubscribed=word).labels["unsubscribed"] == "asked not to be contacted"


@pytest.mark.parametrize("first", ["do_not_contact", "Do Not Email", "email_opt_out", "unsubscribed", "opted_out"])
def test_one_opt_out_is_enough(services: Services, first: str) -> None:
    others = {"do_not_contact", "do_not_email", "email_opt_out", "unsubscribed"} - {first.lower().replace(" ", "_")}
    lead = (
        Told(services).by_webhook(**{first: True}).by_webhook(**dict.fromkeys(sorted(others - {"unsubscribed"}), False))
    )
    assert lead.labels["unsubscribed"] == "asked not to be contacted"


def test_an_object_is_what_its_joined_name_is(services: Services) -> None:
    lead = Told(services).by_webhook(deal={"value": 500_000}, lead={"source": "referral"}, job={"title": "CEO"})
    assert lead.labels.items() >= {"budget": "very large budget", "seniority": "decides alone"}.items()
    assert lead.labels["lead_source"] == "came by referral"


def test_another_empty_field_takes_no_contact_detail_away(services: Services) -> None:
    lead = Told(services).by_webhook(email="a@example.org", phone="0170 1234567").by_webhook(telephone="", mail=None)
    assert lead.found_by("a@example.org")
    assert lead.found_by("0170 1234567")


def test_a_column_of_a_machine_does_not_overrule_the_separator(services: Services, tmp_path: Path) -> None:
    imported(services, tmp_path, "geo", "id;Budget;Latitude\n1;450.000;52.5200\n2;90.000;48.1371\n")
    assert row_of(services, "geo", "1").attributes == {"budget": 450_000, "latitude": 52.52}


def test_a_column_of_an_unknown_name_is_read_as_a_whole_too(services: Services, tmp_path: Path) -> None:
    imported(services, tmp_path, "staff", "id;Anzahl Leute;Umsatz\n1;1.200;1.200,50\n2;900;1.000\n")
    assert row_of(services, "staff", "1").attributes == {"anzahl_leute": 1200, "umsatz": 1200.5}
    assert row_of(services, "staff", "2").attributes == {"anzahl_leute": 900, "umsatz": 1000}


@pytest.mark.parametrize(
    "texts", [("2B", "3A"), ("12 M", "24 M"), ("1.2.20", "1.3.1"), ("7-11", "3M"), ("1+", "2+"), ("KA", "NA")]
)
def test_a_column_of_an_unknown_name_stays_what_it_says(
    services: Services, tmp_path: Path, texts: tuple[str, str]
) -> None:
    source = f"words{next(_numbers)}"
    imported(services, tmp_path, source, f"id,Seat\n1,{texts[0]}\n2,{texts[1]}\n")
    assert tuple(row_of(services, source, id_).attributes["seat"] for id_ in "12") == texts


def test_a_postcode_is_sealed_however_its_column_looks(services: Services, tmp_path: Path) -> None:
    imported(services, tmp_path, "post", "id,Zip,PLZ,DOB,Budget\n1,94105,10115,29252,5\n2,10001,80331,30000,6\n")
    assert row_of(services, "post", "1").attributes == {"budget": 5}


def test_the_last_lines_of_a_report_are_no_leads(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(
        'id,Budget,Visits\n1,5,3\n2,6\nCopyright (c) 2000-2026\n"Confidential Information"\n', encoding="utf-8"
    )
    with Importer(services, file, source="report", layout=Layout("id")) as work:
        work.survey()
        counts = work.run(lambda _: None)
    assert (counts.new, counts.rejected) == (2, 2)


# Words.


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Chief Executive Officer", "decides alone"),
        ("CEO & Founder", "decides alone"),
        ("C.E.O.", "decides alone"),
        ("Geschäftsführerin", "decides alone"),
        ("VP of Sales", "senior role"),
        ("Vice President", "senior role"),
        ("Head of IT", "senior role"),
        ("Senior Sales Manager (EMEA)", "manager"),
        ("Praktikantin", "student or intern"),
    ],
)
def test_titles_by_their_words(services: Services, title: str, label: str) -> None:
    assert Told(services).by_webhook(job_title=title).labels["seniority"] == label


def test_an_assistant_of_the_ceo_is_no_ceo(services: Services) -> None:
    assert "seniority" not in Told(services).by_webhook(job_title="Assistant to the CEO").labels


def test_several_sources_count_by_the_best_and_missing_words_not_at_all(services: Services) -> None:
    several = Told(services).by_webhook(lead_source="Website;Referral")
    assert several.labels["lead_source"] == "came by referral"
    assert Told(services).by_webhook(lead_source='["Website", "Referral"]').score.score == several.score.score
    for word in ("(not set)", "--None--", "#N/A", "nan", "Select", "n/a"):
        lead = Told(services).by_webhook(lead_source=word)
        assert lead.attributes == {}
        assert lead.score.confidence < several.score.confidence


# Countdown.


def test_a_date_counts_down_and_gives_nothing_once_it_has_passed(services: Services) -> None:
    today = datetime.now(UTC)
    lead = Told(services).by_webhook(expected_close_date=f"{today + timedelta(days=40):%Y-%m-%d}")
    assert lead.labels["timeline_days"] == "decides within a quarter"
    attributes, at = lead.row.attributes, lead.row.active_at
    labels = {}
    for days in (0, 30, 41):
        score = services.scorer.attempt(attributes, today + timedelta(days=days), at)
        labels[days] = {factor.attribute: factor.label for factor in score.factors}.get("timeline_days")
    assert labels == {0: "decides within a quarter", 30: "decides within a month", 41: None}
    assert Told(services).by_webhook(timeline_days=20).labels["timeline_days"] == "decides within a month"


# Every way is the same way.

SPELLED = {
    "Budget": "€ 1.2M",
    "jobTitle": "VP of Sales",
    "Lead Source": "Referral;Website",
    "Unsubscribed": "nein",
    "visits": "12",
    "No. of Employees": "50-100",
    "Last Activity": "2026-11-24 10:00 CET",
    "expected_close_date": "2027-01-05",
    "financing": "None",
}


def test_the_same_lead_scores_the_same_whichever_way_it_comes(services: Services, tmp_path: Path) -> None:
    webhook = Told(services).by_webhook(**SPELLED)
    file = Told(services).by_file(tmp_path, **SPELLED)
    tried = services.source_map("standard").tried(SPELLED)
    assert webhook.attributes == file.attributes == tried
    body = tmp_path / "body.json"
    body.write_bytes(
        orjson.dumps({"type": "x", "timestamp": datetime.now(UTC).isoformat(), "data": {"id": "t", **SPELLED}})
    )
    assert attempt(services.settings, body, "standard").leads[0].attributes == tried


def test_what_cannot_be_read_is_told(services: Services, tmp_path: Path) -> None:
    told = {"budget": "a lot", "visits": "1,250", "unsubscribed": "perhaps", "deal_value": "5 XAU"}
    body = tmp_path / "body.json"
    body.write_bytes(
        orjson.dumps({"type": "x", "timestamp": datetime.now(UTC).isoformat(), "data": {"id": "t", **told}})
    )
    trial = attempt(services.settings, body, "standard").leads[0]
    assert trial.doubts == {"budget": "unreadable", "visits": "ambiguous", "unsubscribed": "unreadable"}
    assert trial.attributes["budget"] == "a lot"


# Leads of before.


def test_leads_of_before_are_read_again_and_nothing_is_lost(services: Services) -> None:
    lead = Told(services).by_webhook(budget=1, email="before@example.org", note="x")
    old = {
        "attributes": {"Budget": "900", "budget": 70_000, "Job Title": "CEO", "Note": None, "colour": "x"},
        "attribute_times": {"*": [1, "a"], "budget": [2, "b"], "@email": [1, "a"], "@deal_value": [3, "c"]},
    }
    sealed = services.vault.seal(
        {"email": "before@example.org", "deal_value": "12.500.000"}, contacts.row_name(lead.row.id)
    )
    with services.session() as db:
        db.execute(
            text(
                "UPDATE leads SET attributes = CAST(:attributes AS jsonb),"
                " attribute_times = CAST(:attribute_times AS jsonb), reading = 0 WHERE id = :id"
            ),
            {**{name: orjson.dumps(value).decode() for name, value in old.items()}, "id": lead.row.id},
        )
        db.execute(
            text("UPDATE lead_contacts SET sealed = :sealed WHERE lead_id = :id"), {"sealed": sealed, "id": lead.row.id}
        )
    assert older_leads(services) == 1
    revision = lead.row.revision
    assert reread_leads(services, datetime.now(UTC)) == 1
    assert lead.attributes == {"budget": 12_500_000, "job_title": "CEO", "colour": "x"}
    assert (lead.row.revision, lead.row.reading) == (revision + 1, lead_rows.READING)
    assert lead.found_by("before@example.org")
    assert reread_leads(services, datetime.now(UTC)) == 0


def test_a_change_reads_a_lead_of_before_again_first(services: Services) -> None:
    lead = Told(services).by_webhook(budget=1)
    with services.session() as db:
        db.execute(
            text('UPDATE leads SET attributes = \'{"Budget": 5, "jobTitle": "CEO"}\', reading = 0 WHERE id = :id'),
            {"id": lead.row.id},
        )
    lead.by_webhook(visits=3)
    assert lead.attributes == {"budget": 5, "job_title": "CEO", "visits": 3}
    assert as_lead(lead.row).attributes == lead.attributes


def test_a_file_tells_how_its_source_writes_and_what_could_not_be_read(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    file.write_text("id;Budget;Visits\n1;1.250.000;many\n2;450.000;3\n", encoding="utf-8")
    with Importer(services, file, source="zoho", layout=Layout("id")) as work:
        work.survey()
        counts = work.run(lambda _: None)
        assert counts.doubts == {"visits": {"unreadable": 1}}
        assert "visits: 1 cannot be read" in summary(counts, work)
    sheet = source_sheet(services.settings, "zoho")
    assert [(each.attribute, each.written, each.unreadable) for each in sheet.attributes] == [
        ("budget", "decimal comma", 0),
        ("visits", "", 1),
    ]
    with services.session() as db:
        load(services, db, ["zoho"])
    assert services.source_map("zoho").tried({"Amount": "450.000"}) == {"budget": 450_000}
