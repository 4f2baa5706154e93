"""`service6 import leads`: what is in the tables afterwards, and what a second time changes."""

import csv
import gzip
import multiprocessing
import os
import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import text

from pipeline.errors import GiveUp, Misconfigured, TryAgain
from pipeline.importing.csv_rows import Layout
from pipeline.security.vault import Vault
from pipeline.services.ingest import lead_saver
from pipeline.storage.leads import contacts
from pipeline.wiring import Services
from schemas.lead import LeadChange
from tasks.scoring import score_leads
from tests.integration.rows import aside, blocked
from tests.support.serving import open_services
from workers.importer import importer
from workers.importer.importer import Counts, Importer

TABLES = ("leads", "lead_contacts", "unscored", "scores", "score_history", "deliveries", "dead_letters", "outbox")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "leads.csv"
        path.write_bytes(content.encode(encoding))
        return path

    return written


def run(services: Services, path: Path, **layout: object) -> Counts:
    asked = Layout(**{"id": "id", **layout})  # type: ignore[arg-type]
    with Importer(services, path, source="crm", layout=asked) as work:
        work.survey()
        return work.run(lambda _: None)


def tables(services: Services) -> dict[str, list[str]]:
    """All rows of all tables as text."""
    with services.session() as db:
        return {
            name: sorted(str(row) for (row,) in db.execute(text(f"SELECT t::text FROM {name} t")))  # noqa: S608
            for name in TABLES
        }


def lead(services: Services, external_id: str) -> dict[str, object]:
    with services.session() as db:
        query = text("SELECT * FROM leads WHERE source = 'crm' AND external_id = :id")
        return dict(db.execute(query, {"id": external_id}).one()._mapping)


def rejects(path: Path) -> list[list[str]]:
    with path.with_name("leads.rejects.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_rows_become_leads_that_wait_for_a_score(celery: Services, write: Write) -> None:
    path = write("id,budget,Stage,Owner,Converted\n7,5000,new,Ada,1\n8,,contacted,,0\n9,12.50,,,\n")
    assert run(celery, path, outcome="Converted", won="1") == Counts(read=3, new=3)
    assert [lead(celery, n)["attributes"] for n in "789"] == [{"budget": 5000}, {}, {"budget": 12.5}]
    assert [lead(celery, n)["outcome"] for n in "789"] == ["won", "lost", None]
    assert [lead(celery, n)["stage"] for n in "789"] == ["new", "contacted", None]
    assert lead(celery, "7")["owner"] == "Ada"
    with celery.session() as db:
        ids = list(db.execute(text("SELECT lead_id FROM unscored WHERE lead_revision = 1")).scalars())
    assert len(ids) == 3
    with redis.Redis.from_url(celery.settings.redis_url) as queue:
        assert queue.llen("scoring") == 1
    score_leads(ids)
    assert len(tables(celery)["scores"]) == 3


def test_the_same_file_twice_changes_nothing(celery: Services, write: Write) -> None:
    path = write(
        "id,budget,email,Stage,Created\n"
        "1,5,ada@example.com,new,2026-01-02\n2,6,,new,2026-01-03\n1,7,ada@example.org,won,2026-01-04\n"
    )
    for created in (None, "Created"):
        run(celery, path, created=created, drop=() if created else ("Created",))
        before = tables(celery)
        again = run(celery, path, created=created, drop=() if created else ("Created",))
        assert (again.new, again.changed, again.unchanged, again.merged) == (0, 0, 2, 1)
        assert tables(celery) == before


def test_of_two_rows_of_one_lead_the_later_wins_and_the_earlier_fills_up(celery: Services, write: Write) -> None:
    assert run(celery, write("id,a,b\n1,old,kept\n2,x,\n1,new,\n")) == Counts(read=3, new=2, merged=1)
    assert lead(celery, "1")["attributes"] == {"a": "new", "b": "kept"}
    assert lead(celery, "1")["revision"] == 1


def test_rows_of_one_lead_are_told_apart_across_groups(
    celery: Services, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "GROUP", 2)
    monkeypatch.setattr(importer, "REPEATED_LIMIT", 3)
    rows = [f"{n % 7},{n}" for n in range(20)]
    counts = run(celery, write("id,a\n" + "\n".join(rows) + "\n"))
    assert counts.read == 20
    assert {n: lead(celery, str(n))["attributes"] for n in range(7)} == {
        n: {"a": max(i for i in range(20) if i % 7 == n)} for n in range(7)
    }


def test_a_changed_row_raises_the_revision_of_its_lead_alone(celery: Services, write: Write) -> None:
    run(celery, write("id,a\n1,5\n2,6\n"))
    assert run(celery, write("id,a\n1,5\n2,7\n3,8\n")) == Counts(read=3, new=1, changed=1, unchanged=1)
    assert [lead(celery, n)["revision"] for n in "123"] == [1, 2, 1]
    assert lead(celery, "2")["attributes"] == {"a": 7}


def test_a_corrected_row_of_the_same_time_is_taken(celery: Services, write: Write) -> None:
    run(celery, write("id,a,t\n1,wrong,2026-01-02\n"), created="t")
    assert run(celery, write("id,a,t\n1,right,2026-01-02\n"), created="t").changed == 1
    assert lead(celery, "1")["attributes"] == {"a": "right"}


def test_an_older_row_does_not_overwrite_what_a_webhook_brought_later(celery: Services, write: Write) -> None:
    later = datetime(2026, 3, 1, tzinfo=UTC)
    with celery.session() as db:
        change = LeadChange("crm", "1", "msg_1", later, {"budget": 9}, {"email": "new@example.com"}, stage="proposal")
        lead_saver(celery).save(db, [change], datetime.now(UTC))
    path = write("id,budget,city,email,stage,t\n1,5,Leeds,old@example.com,new,2026-02-01\n")
    assert run(celery, path, created="t").changed == 1
    found = lead(celery, "1")
    assert (found["attributes"], found["stage"]) == ({"budget": 9, "city": "Leeds"}, "proposal")
    assert opened(celery, "1") == {"email": "new@example.com"}
    before = tables(celery)
    assert run(celery, path, created="t").unchanged == 1
    assert tables(celery) == before


def opened(services: Services, external_id: str) -> object:
    lead_id = lead(services, external_id)["id"]
    assert isinstance(lead_id, int)
    with services.session() as db:
        sealed = contacts.sealed(db, [lead_id])[lead_id]
    return services.vault.open(sealed, contacts.row_name(lead_id))


def test_personal_data_is_sealed_and_nowhere_else(celery: Services, write: Write) -> None:
    path = write(
        "id,First Name,E-Mail,Phone,notes,Do Not Email,email_opens,owner\n"
        "zuzu@example.com,Zuzu,zuzu@example.com,0044 20 7946 0000,call +44 20 7946 0001,Yes,3,boss@example.com\n"
        "8,Grace,grace@example.com,02079460002,fine,No,0,\n"
    )
    assert run(celery, path) == Counts(read=2, new=2)
    everything = "\n".join(row for rows in tables(celery).values() for row in rows)
    for planted in ("zuzu", "Zuzu", "grace", "Grace", " 7946 ", "02079460002", "boss@"):
        assert planted not in everything
    assert lead(celery, "8")["attributes"] == {"notes": "fine", "do_not_email": False, "email_opens": 0}
    assert opened(celery, "8") == {"first_name": "Grace", "e_mail": "grace@example.com", "phone": "02079460002"}
    vault = Vault([celery.settings.secret_key.get_secret_value()])
    with celery.session() as db:
        query = text("SELECT count(*) FROM lead_contacts WHERE email_index = :email AND phone_index = :phone")
        indexes = {"email": vault.email_index("grace@example.com"), "phone": vault.phone_index("02079460002")}
        assert db.execute(query, indexes).scalar_one() == 1
    with redis.Redis.from_url(celery.settings.redis_url) as queue:
        assert b"zuzu" not in b"".join(queue.lrange("scoring", 0, -1))


def test_bad_rows_are_set_apart_with_the_reason(celery: Services, write: Write) -> None:
    content = (
        "id,a,t\n1,fine,2026-01-01\n2,too,many,2026-01-01\n,no id,2026-01-01\n3,no date,yesterday\n4,few\n"
        f'5,{"x" * 10_001},2026-01-01\n6,"two\nlines",2026-01-01\n7\0,nul,2026-01-01\n\n{"i" * 201},long,2026-01-01\n'
    )
    path = write(content)
    assert run(celery, path, created="t") == Counts(read=9, new=2, rejected=7)
    header, *rows = rejects(path)
    assert header == ["line", "reason", "id", "a", "t"]
    assert [(row[0], row[1]) for row in rows] == [
        ("3", "4 fields instead of 3"),
        ("4", "the id is empty"),
        ("5", "created: not a date that can be read"),
        ("6", "created: not a date that can be read"),  # a short row: its date is missing
        ("7", "a: a text must not exceed 10000 characters"),
        ("10", "the id holds a NUL or more than 200 characters"),
        ("12", "the id holds a NUL or more than 200 characters"),
    ]
    assert rows[0][2:] == ["2", "too", "many", "2026-01-01"]
    assert path.with_name("leads.rejects.csv").stat().st_mode & 0o077 == 0
    assert lead(celery, "6")["attributes"] == {"a": "two\nlines"}


def test_an_import_without_bad_rows_leaves_no_old_rejects(celery: Services, write: Write) -> None:
    run(celery, write("id,a\n,bad\n"))
    path = write("id,a\n1,good\n")
    run(celery, path)
    assert not path.with_name("leads.rejects.csv").exists()


def test_a_row_that_the_lead_cannot_take_is_rejected_and_spoils_no_other(celery: Services, write: Write) -> None:
    limit = celery.settings.intake.attribute_limit
    full = {f"x{n}": n for n in range(limit)}
    with celery.session() as db:
        change = LeadChange("crm", "2", "msg_1", datetime(2026, 1, 1, tzinfo=UTC), full, {})
        lead_saver(celery).save(db, [change], datetime.now(UTC))
    path = write("id,a\n1,5\n2,6\n3,7\n")
    assert run(celery, path) == Counts(read=3, new=2, rejected=1)
    assert rejects(path)[1][:3] == ["3", f"the lead would have more than {limit} attributes", "2"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(celery: Services, write: Write, separator: str) -> None:
    rows = [["id", "note", "price"], ["1", "a, b; c", "2.5"], ["2", "d | e", "3"]]
    content = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    assert run(celery, write(content)).new == 2
    assert lead(celery, "1")["attributes"] == {"note": "a, b; c", "price": 2.5}


def test_a_byte_order_mark_is_no_part_of_the_first_name(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("id,città\n1,Forlì 🏠\n".encode("utf-8-sig"))
    run(celery, path)
    assert lead(celery, "1")["attributes"] == {"città": "Forlì 🏠"}


def test_a_nul_in_a_text_is_replaced(celery: Services, write: Write) -> None:
    run(celery, write("id,a\n1,x\0y\n"))
    assert lead(celery, "1")["attributes"] == {"a": "x\N{REPLACEMENT CHARACTER}y"}


def test_a_file_of_a_header_alone_is_no_fault(celery: Services, write: Write) -> None:
    assert run(celery, write("id,a\n")) == Counts()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("id,a,a\n1,2,3\n", "several columns are called a"),
        ("id,a\n" + "1,fine\n" * 5000 + "2,caf\u00e9\n", "is not UTF-8"),
        ('id,a\n1,"never closed\n' + "x" * (1 << 20), "is a quote never closed"),
    ],
)
def test_a_file_that_is_no_such_csv_changes_nothing(celery: Services, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(GiveUp, match=words):
        run(celery, path)
    assert not any(tables(celery).values())


def test_an_unknown_column_is_told_with_those_found(celery: Services, write: Write) -> None:
    with pytest.raises(Misconfigured, match=r"no column 'Tag', 'x'; the file has: id, Tags"):
        run(celery, write("id,Tags\n1,2\n"), drop=("Tag", "x"))


def test_with_redis_away_the_leads_are_safe_and_owed(celery: Services, write: Write) -> None:
    away = celery.settings.redis.model_copy(update={"url": SecretStr("redis://127.0.0.1:1/0")})
    path, layout = write("id,a\n1,2\n"), Layout("id")
    with (
        open_services(celery.settings.model_copy(update={"redis": away})) as services,
        Importer(services, path, source="crm", layout=layout) as work,
    ):
        assert work.run(lambda _: None).new == 1
        assert not work.enqueued
    assert len(tables(celery)["unscored"]) == 1


def test_a_lead_that_another_transaction_brings_into_being_is_merged(celery: Services, write: Write) -> None:
    """Without the conflict clause the row would be rejected; without the merge its news would be lost."""
    path = write("id,a,b\n1,5,6\n")
    with celery.session() as rival:
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        change = LeadChange("crm", "1", "msg_1", long_ago, {"a": 4}, {})
        lead_saver(celery).save(rival, [change], datetime.now(UTC))
        with aside(lambda: run(celery, path)) as importing:
            blocked(celery.engine)
            rival.commit()
            assert importing.result(20) == Counts(read=1, changed=1)
    assert lead(celery, "1")["attributes"] == {"a": 5, "b": 6}
    assert lead(celery, "1")["revision"] == 2


def test_a_file_as_excel_and_mail_programs_leave_it(celery: Services, tmp_path: Path) -> None:
    """Packed, in UTF-16, with Excel's first line, short rows, and ids that were numbers with decimals."""
    text_ = "sep=;\r\nid;budget;note;;\r\n101.0;5;x;;\r\n102.0;6\r\n;;;;\r\n103.0;7;y;;\r\n101;8\r\n"
    path = tmp_path / "leads.csv.gz"
    path.write_bytes(gzip.compress(text_.encode("utf-16")))
    assert run(celery, path) == Counts(read=4, new=3, merged=1)
    assert lead(celery, "101")["attributes"] == {"budget": 8, "note": "x"}
    assert lead(celery, "102")["attributes"] == {"budget": 6}


@pytest.mark.parametrize("columns", [("email", "plan"), ()])
def test_leads_without_an_id_of_their_own_are_the_same_a_second_time(
    celery: Services, write: Write, columns: tuple[str, ...]
) -> None:
    path = write("email,plan,note\nada@example.com,a,x\nada@example.com,b,y\nADA@example.com,a,x\n")
    assert run(celery, path, id=columns).new == 2
    before = tables(celery)
    assert (again := run(celery, path, id=columns)).new == again.changed == 0
    assert tables(celery) == before
    assert "ada@" not in "\n".join(row for rows in tables(celery).values() for row in rows).casefold()
    path = write("plan,email,note\na,ada@example.com,new\n")
    assert run(celery, path, id=columns) == (Counts(read=1, changed=1) if columns else Counts(read=1, new=1))


def test_rounded_ids_change_nothing(celery: Services, write: Write) -> None:
    with pytest.raises(GiveUp, match="rounded the ids in 'id' to scientific notation"):
        run(celery, write("id,budget\n1.23457E+11,50000\n1.23457E+11,900\n"))
    assert not any(tables(celery).values())


@pytest.mark.parametrize("lines", [1, 1000])
def test_rejected_rows_that_cannot_be_written_are_one_line(celery: Services, write: Write, lines: int) -> None:
    path = write("id,a\n1,2\n" + ",3\n" * lines)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Importer(celery, path, source="crm", layout=Layout("id")) as work:
        work.survey()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))  # as if the disk were full from there
        try:
            with pytest.raises(GiveUp, match=r"the rejected rows cannot be written to .*; 1 rows are saved, and"):
                work.run(lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert lead(celery, "1")["attributes"] == {"a": 2}


def test_rejected_rows_of_a_file_with_a_separator_of_its_own_can_be_imported(celery: Services, write: Write) -> None:
    path = write("sep=^\nid^a\n^x,y\n")
    assert run(celery, path).rejected == 1
    mended = path.with_name("leads.rejects.csv")
    mended.write_text(mended.read_text(encoding="utf-8").replace("empty,", "empty,7"), encoding="utf-8")
    assert run(celery, mended, drop=("line", "reason")).new == 1
    assert lead(celery, "7")["attributes"] == {"a": "x,y"}


@pytest.mark.parametrize("moment", ["at the start", "while it waits"])
def test_a_process_that_dies_before_its_first_group_is_one_line(celery: Services, write: Write, moment: str) -> None:
    with Importer(celery, write("id,a\n1,2\n"), source="crm", layout=Layout("id")) as work:
        if moment == "while it waits":
            work.survey()
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        with pytest.raises(TryAgain, match=r"killed by SIGKILL \(out of memory\?\); 0 rows are saved, and the same"):
            work.run(lambda _: None)
    assert run(celery, write("id,a\n1,2\n")).new == 1


def test_a_process_that_cannot_begin_is_one_line(
    celery: Services, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its settings are not those of any server, as where PostgreSQL ended just now."""
    broken = celery.settings.model_copy(update={"sources": {}})
    with Importer(celery, write("id,a\n1,2\n"), source="crm", layout=Layout("id")) as work:
        work._savers._work = work._savers._work._replace(settings=broken)
        with pytest.raises(GiveUp, match=r"a process of this import failed: \w+ at \w+.py:\d+; 0 rows are saved"):
            work.run(lambda _: None)
    assert "Traceback" not in capfd.readouterr().err


def test_where_the_system_gives_no_process_it_is_one_line(celery: Services, write: Write) -> None:
    path = write("id,a\n1,2\n")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 2, limits[1]))
    try:
        with pytest.raises(TryAgain, match=r"a process of this import cannot be started \(Too many open files\)"):
            run(celery, path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
