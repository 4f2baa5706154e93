"""Leads as they were early: kept with the change that ends that time, once, and read to be learned from."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import NullPool, create_engine, text

import cli
from pipeline.services.ingest import lead_saver
from pipeline.storage.models import training_examples
from pipeline.storage.platform import migrate
from pipeline.wiring import Services
from schemas.example import Example, Split
from schemas.score import Value
from tests.integration.rows import aside, blocked, execute, rows, save, told, value

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
SOON, LATE = timedelta(minutes=20), timedelta(hours=3)
CAPTURED = "SELECT lead_id, attributes, as_of, imported FROM training_examples ORDER BY lead_id"
MANY = 1000
FILL = """
    INSERT INTO leads (source, external_id, attributes, attribute_times, active_at, outcome, outcome_at, revision)
    SELECT 'standard', 'L' || n, jsonb_build_object('n', n), '{}', timestamptz '2026-03-01' + n * interval '1 hour',
           CASE WHEN n % 4 = 0 THEN 'won' ELSE 'lost' END, now(), 1
      FROM generate_series(1, 1000) n
"""


def tell(
    services: Services, lead: str, at: timedelta = timedelta(), received: timedelta | None = None, **fields: Value
) -> int:
    """Something that happened so long after BEGAN, and came in then or later; the lead's id."""
    [lead_id] = save(
        services, [told(services, lead, BEGAN + at, **fields)], BEGAN + (at if received is None else received)
    )
    return lead_id


def known(services: Services, **wishes: float) -> Split:
    with services.session() as db:
        return training_examples.split(db, **wishes)  # type: ignore[arg-type]


def learned(services: Services) -> list[Example]:
    split = known(services)
    return [*split.older, *split.newer]


def test_a_lead_is_learned_from_as_it_was_before_its_first_late_change(services: Services) -> None:
    lead = tell(services, "L1", budget=1)
    tell(services, "L1", SOON, visits=2)
    assert rows(services, CAPTURED) == []
    tell(services, "L1", LATE, visits=30)
    tell(services, "L1", LATE * 2, visits=40, contract=9, outcome="won")
    early = {"lead_id": lead, "attributes": {"budget": 1, "visits": 2}, "as_of": BEGAN + SOON, "imported": False}
    assert rows(services, CAPTURED) == [early]
    assert learned(services) == [Example(lead, {"budget": 1, "visits": 2}, BEGAN + SOON, True)]
    assert value(services, "SELECT attributes FROM leads") == {"budget": 1, "visits": 40, "contract": 9}


def test_the_outcome_that_a_lead_ends_with_is_what_is_learned(services: Services) -> None:
    tell(services, "L1", budget=1)
    tell(services, "L1", SOON, outcome="won")
    tell(services, "L1", LATE, outcome="lost")
    assert [example.won for example in learned(services)] == [False]


def test_changes_of_one_group_are_looked_at_one_by_one(services: Services) -> None:
    life = [(timedelta(), {"a": 1}), (SOON, {"a": 2, "email": "ann@example.com"}), (LATE, {"a": 3, "outcome": "won"})]
    for lead in ("new", "known"):
        if lead == "known":
            tell(services, lead, received=LATE, budget=1)
        changes = [told(services, lead, BEGAN + at, **fields) for at, fields in life]  # type: ignore[arg-type]
        save(services, changes, BEGAN + LATE)
    assert [row["attributes"] for row in rows(services, CAPTURED)] == [{"a": 2}, {"a": 2, "budget": 1}]
    assert value(services, "SELECT count(*) FROM lead_contacts") == 2


def test_leads_without_an_outcome_and_those_whose_early_time_nobody_kept_are_not_learned_from(
    services: Services,
) -> None:
    tell(services, "open", budget=1)
    tell(services, "late", budget=1)
    tell(services, "late", LATE, outcome="won")
    assert len(learned(services)) == 1
    execute(services, "DELETE FROM training_examples")
    assert learned(services) == []


def test_of_two_that_end_a_leads_early_time_at_once_the_first_is_kept(services: Services) -> None:
    tell(services, "L1", budget=1)
    with services.session() as first:
        lead_saver(services).save(first, [told(services, "L1", BEGAN + LATE, budget=2)], BEGAN + LATE)

        with aside(lambda: tell(services, "L1", LATE + SOON, budget=3)) as second:
            blocked(services.engine)
            first.commit()
            assert second.result()
    assert [row["attributes"] for row in rows(services, CAPTURED)] == [{"budget": 1}]
    assert value(services, "SELECT attributes FROM leads") == {"budget": 3}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    lines = [
        ("id", "at", "visits", "result"),
        ("one", "2026-03-01", "1", "won"),
        ("grows", "2026-03-01", "1", ""),
        ("grows", "2026-03-09", "7", "won"),
        ("open", "2026-03-01", "1", ""),
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return path


def imported(table: Path) -> None:
    layout = ["--source", "standard", "--id", "id", "--created", "at", "--outcome", "result", "--won", "won", "--yes"]
    done = CliRunner().invoke(cli.main, ["import", "leads", str(table), *layout])
    assert done.exit_code == 0, done.output


def test_an_import_keeps_leads_as_they_were_early_and_marks_those_that_came_with_their_outcome(
    services: Services, table: Path
) -> None:
    imported(table)
    ids = {row["external_id"]: row["id"] for row in rows(services, "SELECT external_id, id FROM leads")}
    # Of the rows of one lead the earlier tells how it was.
    early = {"lead_id": ids["grows"], "attributes": {"visits": 1}, "as_of": BEGAN, "imported": False}
    assert rows(services, CAPTURED) == [early]
    split = known(services, newest=0)
    assert split.older_window is not None
    assert (split.older_window.leads, split.older_window.imported) == (2, 1)
    # The import again, and a webhook after it.
    imported(table)
    tell(services, "one", LATE, visits=9)
    tell(services, "open", LATE * 9, visits=9, outcome="won")
    assert [(row["lead_id"], row["attributes"], row["imported"]) for row in rows(services, CAPTURED)] == sorted(
        (ids[lead], {"visits": 1}, lead == "one") for lead in ("one", "grows", "open")
    )


def test_the_newest_fifth_is_apart_and_of_too_many_a_sample_is_read(services: Services) -> None:
    execute(services, FILL)
    whole = known(services)
    assert [example.attributes["n"] for example in (*whole.older, *whole.newer)] == list(range(1, MANY + 1))
    assert (len(whole.older), len(whole.newer)) == (800, 200)
    drawn = known(services, most=100, most_tested=50)
    assert (drawn.older_window, drawn.newer_window) == (whole.older_window, whole.newer_window)
    assert drawn.older_window is not None
    assert (drawn.older_window.leads, drawn.older_window.won, drawn.older_window.imported) == (800, 200, 800)
    assert drawn.older_window.until == BEGAN + timedelta(hours=800)
    assert (len(drawn.older), len(drawn.newer)) == (100, 50)
    assert set(example.lead_id for example in drawn.older) < set(example.lead_id for example in whole.older)
    assert list(drawn.older) == sorted(drawn.older, key=lambda example: example.as_of)
    assert known(services, most=100, most_tested=50) == drawn
    assert known(services, most=100, most_tested=50, seed=1) != drawn


def test_where_no_outcome_is_known_there_is_nothing_to_split(services: Services) -> None:
    tell(services, "open", budget=1)
    assert known(services) == Split([], [], None, None)


def test_after_the_migration_leads_that_may_have_changed_late_are_not_learned_from(database: str) -> None:
    migrate.downgrade(database, "0005")
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        for lead, revision, stage_s, active_s, outcome in OLD:
            at = {name: [int((BEGAN.timestamp() + s) * 1e6), "d"] for name, s in (("*", 0), ("$stage", stage_s))}
            parameters = {"lead": lead, "revision": revision, "outcome": outcome, "times": str(at).replace("'", '"')}
            connection.execute(OLD_LEAD, {**parameters, "at": BEGAN + timedelta(seconds=active_s)})
    migrate.upgrade(database)
    marked = text("SELECT external_id FROM leads WHERE attribute_times ? '$early' ORDER BY 1")
    with engine.connect() as connection:
        assert list(connection.execute(marked).scalars()) == ["advanced", "decided", "late"]
    migrate.downgrade(database, "0005")
    with engine.connect() as connection:
        assert list(connection.execute(marked).scalars()) == []
        assert connection.execute(text("SELECT count(*) FROM leads")).scalar_one() == len(OLD)


# lead, revision, when after its beginning its stage was told and its newest change happened, in seconds, outcome
OLD = [
    ("told once", 1, 0, 0, "won"),
    ("young", 3, 0, 600, None),
    ("late", 2, 0, 9000, None),
    ("advanced", 2, 300, 300, None),
    ("decided", 2, 0, 300, "lost"),
]
OLD_LEAD = text("""
    INSERT INTO leads (source, external_id, attributes, attribute_times, active_at, outcome, revision)
    VALUES ('standard', :lead, '{}', CAST(:times AS jsonb), :at, :outcome, :revision)
""")
