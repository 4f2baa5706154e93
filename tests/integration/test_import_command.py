"""`service6 import leads` as a person meets it: what it says, what it asks, and its exit status."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

import cli
from pipeline.wiring import Services
from tests.integration.rows import value
from tests.support.processes import ASCII, ROOT


def imported(path: Path, *options: str) -> Result:
    result = CliRunner().invoke(cli.main, ["import", "leads", str(path), "--source", "crm", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_import_says_what_each_outcome_became_and_wants_both(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,Converted\n1,1.0\n2,0.0\n3,1.0\n4,\n", encoding="utf-8")
    options = ("--id", "id", "--outcome", "Converted", "--won")
    refused = imported(path, *options, "yes")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "How the leads ended, by 'Converted':",
        "  '1.0': lost (2 rows)",
        "  '0.0': lost (1 rows)",
        "  empty: no outcome (1 rows)",
        "service6: no row of 'Converted' is won; nothing is saved: correct --won, or add --yes if that is right",
    ]
    assert value(celery, "SELECT count(*) FROM leads") == 0
    done = imported(path, *options, "1", "--json")
    assert (done.exit_code, json.loads(done.stdout)["new"]) == (0, 4)
    assert "  '1.0': won (2 rows)\n  '0.0': lost (1 rows)\n" in done.stderr
    assert value(celery, "SELECT count(*) FROM leads WHERE outcome = 'won'") == 2
    assert imported(path, *options, "yes", "--yes").exit_code == 0


def test_import_on_a_terminal_asks(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,Converted\n1,0\n2,0\n", encoding="utf-8")
    argv = [sys.executable, "-m", "cli", "import", "leads", str(path), "--source", "crm"]
    for answer, status, leads in ((b"n\n", 1, 0), (b"\x04", 130, 0), (b"y\n", 0, 2)):
        ours, theirs = pty.openpty()
        command = [*argv, "--id", "id", "--outcome", "Converted", "--won", "1"]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as child:
            assert child.stderr is not None
            shown = b""
            while not shown.endswith(b"[y/N]: "):
                more = child.stderr.read1()
                assert more, shown
                shown += more
            os.write(ours, answer)  # the second is Ctrl-D
            _, rest = child.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert (child.returncode, value(celery, "SELECT count(*) FROM leads")) == (status, leads), rest
        assert b"Traceback" not in rest


def test_an_import_of_which_all_rows_are_rejected_has_failed(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,a\n,1\n,2\n", encoding="utf-8")
    for as_json in ((), ("--json",)):
        result = imported(path, "--id", "id", *as_json)
        assert result.exit_code == 1
        # On a slow machine a line of progress comes before it.
        last = result.stderr.splitlines()[-1]
        assert last == f"service6: all rows were rejected; {tmp_path / 'leads.rejects.csv'} says why"
        assert "rejected" in result.stdout


def test_import_tells_what_it_supposed(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,a,b\n101.0,1,2\n102.0,1\n", encoding="utf-8")
    assert imported(path, "--id", "id").stdout.splitlines()[:2] == [
        "2 ids in 'id' were numbers with decimals: 101.0 is read as 101",
        "1 rows have fewer cells than the header (the first in line 3); the cells that they lack are empty.",
    ]
    assert "becomes a new lead" in imported(path, "--id-from-row").stdout
    assert "is a hash of 'a' and 'id'" in imported(path, "--id", "id", "--id", "a", "--json").stderr


def test_import_wants_one_way_to_an_id(celery: Services, tmp_path: Path) -> None:
    for options in ((), ("--id", "id", "--id-from-row")):
        result = imported(Path(__file__), *options)
        assert result.exit_code == 2
        assert "--id, or take the whole row with --id-from-row" in result.stderr


def test_import_reads_a_pipe_and_writes_its_rejects_here(celery: Services, tmp_path: Path) -> None:
    """As `service6 import leads <(zcat leads.csv.gz)` in a shell, on a machine without UTF-8."""
    file = tmp_path / "leads.csv"
    file.write_text("id,città\n1,Forlì\n,Nîmes\n", encoding="utf-8")
    script = f"{sys.executable} -m cli import leads <(cat leads.csv) --source crm --id id"
    given = {**os.environ, **ASCII, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"pipe.rejects.csv" in done.stdout
    assert (tmp_path / "pipe.rejects.csv").read_text(encoding="utf-8").endswith("3,the id is empty,,Nîmes\n")
    assert value(celery, "SELECT attributes FROM leads") == {"città": "Forlì"}
