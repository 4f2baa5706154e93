"""`service6 import leads` when one of its processes is killed: one line, nothing lost, nothing left running."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from sqlalchemy import text

from pipeline.wiring import Services
from tests.support.gate import gate
from tests.support.processes import ROOT, all_gone
from tests.support.waiting import eventually

ROWS = 60_000
KEPT = re.compile(
    r"service6: .*; ([\d,]+) rows are saved, and the same command goes on from there; `service6 doctor`.*"
)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """A file of more than one megabyte, for which several processes save."""
    path = tmp_path / "leads.csv"
    path.write_text(
        "id,city,words\n" + "".join(f"{n},Lisbon,{'word ' * 6}{n}\n" for n in range(ROWS)), encoding="utf-8"
    )
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "import", "leads", str(path), "--source", "crm", "--id", "id"]


class Held(NamedTuple):
    """An import whose processes that save wait for a lock in the middle of a group."""

    child: "subprocess.Popen[str]"
    savers: list[psutil.Process]
    said: Path

    def errors(self) -> list[str]:
        return [
            line for line in self.said.read_text(encoding="utf-8").splitlines() if not line.startswith("importing: ")
        ]


@contextmanager
def held(services: Services, path: Path, **environment: str) -> Iterator[Held]:
    """After it the import has ended."""
    said = path.with_name("said")
    with services.session() as db, said.open("w", encoding="utf-8") as errors:
        db.execute(text("LOCK TABLE leads IN EXCLUSIVE MODE"))
        given = {**os.environ, **environment}
        with subprocess.Popen(
            command(path), cwd=ROOT, env=given, stdout=errors, stderr=errors, text=True, encoding="utf-8"
        ) as child:
            try:
                eventually(lambda: len(waiting(services)) >= 2, within_s=60)
                children = psutil.Process(child.pid).children()
                yield Held(child, [one for one in children if "spawn_main" in " ".join(one.cmdline())], said)
                db.rollback()
                child.wait(60)
            finally:
                child.kill()


def waiting(services: Services) -> list[int]:
    asked = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with services.reading() as db:
        return list(db.execute(text(asked)).scalars())


def saved(services: Services) -> int:
    with services.reading() as db:
        return int(db.execute(text("SELECT count(*) FROM leads")).scalar_one())


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_is_killed_is_one_line_and_the_same_command_goes_on(
    services: Services, leads: Path, death: signal.Signals
) -> None:
    with held(services, leads) as importing:
        assert len(importing.savers) >= 2
        importing.savers[0].send_signal(death)
    [line] = importing.errors()
    kept = KEPT.fullmatch(line)
    assert kept is not None, line
    assert importing.child.returncode == 1
    assert death.name in line
    assert int(kept[1].replace(",", "")) <= saved(services) < ROWS
    assert all_gone([one.pid for one in importing.savers])
    again = subprocess.run(
        command(leads), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, encoding="utf-8"
    )
    assert (again.returncode, saved(services)) == (0, ROWS)


def test_where_the_one_that_reads_is_killed_the_others_end(services: Services, leads: Path) -> None:
    with held(services, leads) as importing:
        importing.child.kill()
    assert eventually(lambda: all_gone([one.pid for one in importing.savers]))


def test_with_postgresql_away_one_line_says_what_is_kept(services: Services, leads: Path) -> None:
    with ExitStack() as way:
        url = way.enter_context(gate(services.settings.database_url)).url
        with held(services, leads, DATABASE_URL=url) as importing:
            way.close()  # what is open is cut off, and nobody listens any more
    [line] = importing.errors()
    assert KEPT.fullmatch(line), line
    assert importing.child.returncode == 1


def test_ctrl_c_ends_all_of_them_and_one_line_says_what_is_kept(services: Services, leads: Path) -> None:
    with held(services, leads) as importing:
        for pid in (importing.child.pid, *(one.pid for one in importing.savers)):  # as the terminal does
            os.kill(pid, signal.SIGINT)
    lines = importing.errors()
    assert len(lines) == 1, lines
    [line] = lines
    kept = re.fullmatch(
        r"service6: interrupted; ([\d,]+) rows are saved, and the same command goes on from there", line
    )
    assert kept is not None, line
    assert importing.child.returncode == 130
    assert int(kept[1].replace(",", "")) == saved(services) < ROWS
    assert all_gone([one.pid for one in importing.savers])
