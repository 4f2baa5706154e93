"""One record, one lead, whatever form of its id came in: by webhook, by import, by a look-up."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from commands import score_sheet
from pipeline.importing.csv_rows import Layout
from pipeline.wiring import Services
from tests.integration.rows import save, save_scores, scored
from workers.importer.importer import Counts, Importer

SHORT, FULL = "00Q5g00000AbCdE", "00Q5g00000AbCdEEAV"
# As the case has it: no checksum of that id's, and yet the same record.
OTHER_CHECKSUM = "00Q5g00000AbCdEEAW"


def told(services: Services, external_id: str, **attributes: str) -> list[int]:
    change = services.source_map("salesforce").change(
        external_id, f"d{external_id}{len(attributes)}", datetime.now(UTC), attributes
    )
    return save(services, [change])


def saved_by_an_earlier_version(services: Services, external_id: str) -> None:
    """Which knew one form only."""
    told(services, "anything", Title="CEO")
    with services.session() as db:
        db.execute(text("UPDATE leads SET external_id = :id"), {"id": external_id})


def imported(services: Services, path: Path, *ids: str) -> Counts:
    path.write_text(
        "\n".join(['"Lead ID","Title"', *(f'"{external_id}","CEO"' for external_id in ids)]), encoding="utf-8"
    )
    with Importer(services, path, source="salesforce", layout=Layout(id="Lead ID")) as work:
        work.survey()
        return work.run(lambda _: None)


def ids(services: Services) -> list[str]:
    with services.session() as db:
        return list(db.execute(text("SELECT external_id FROM leads ORDER BY id")).scalars())


@pytest.mark.parametrize("first", [FULL, OTHER_CHECKSUM])
def test_an_import_of_the_short_form_meets_the_lead_of_the_webhook(
    services: Services, tmp_path: Path, first: str
) -> None:
    told(services, first, Company="Acme")
    counts = imported(services, tmp_path / "leads.csv", SHORT)
    assert (counts.new, counts.changed, ids(services)) == (0, 1, [first])


def test_a_webhook_meets_the_lead_of_an_import(services: Services, tmp_path: Path) -> None:
    assert imported(services, tmp_path / "leads.csv", SHORT).new == 1
    told(services, FULL, Company="Acme")
    assert ids(services) == [FULL]


def test_both_forms_in_one_file_are_one_lead(services: Services, tmp_path: Path) -> None:
    counts = imported(services, tmp_path / "leads.csv", SHORT, FULL, SHORT.lower())
    assert (counts.new, counts.merged, ids(services)) == (2, 1, [FULL, f"{SHORT.lower()}AAA"])


@pytest.mark.parametrize("told_as", [SHORT, FULL])
def test_a_lead_that_was_saved_by_its_short_form_goes_on(services: Services, tmp_path: Path, told_as: str) -> None:
    saved_by_an_earlier_version(services, SHORT)
    told(services, told_as, Company="Acme")
    assert imported(services, tmp_path / "leads.csv", FULL).new == 0
    assert ids(services) == [SHORT]


@pytest.mark.parametrize("stored", [SHORT, FULL, OTHER_CHECKSUM])
def test_either_form_finds_it(services: Services, stored: str) -> None:
    saved_by_an_earlier_version(services, stored)
    with services.session() as db:
        save_scores(services, db, scored(services, [1]))
    for asked in (SHORT, FULL):
        assert score_sheet.find(services.settings, f"salesforce:{asked}").external_id == stored


def test_other_sources_know_no_forms(services: Services) -> None:
    for external_id in (SHORT, FULL):
        save(services, [services.source_map("standard").change(external_id, external_id, datetime.now(UTC), {})])
    assert ids(services) == [SHORT, FULL]
