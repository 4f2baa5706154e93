"""Whatever a CRM, a file or an argument says: no command lets it steer the terminal, fake a line or hide."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unicodedata import category

import pytest
from click.testing import CliRunner, Result

import cli
from pipeline.storage.operations import dead_letters
from pipeline.storage.operations.dead_letters import FailedWork
from pipeline.wiring import Services
from tasks.scoring import score_leads
from tests.integration.rows import leads_saved, save, told

# Title, colour, clipboard, cleared screen, C1, faked line, overwritten line, bidirectional and invisible characters.
EVIL = (
    "e\x1b]0;title\x07\x1b[31m\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\nscore 99.9  tier A\rlead 7"
    "\u202egpj.exe\u2066\u2028score 98\u200b\ufeff\x7f\U000e0041"
)
FAKED = ("score 99.9", "score 98", "lead 7")


def service6(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def is_harmless(output: str) -> bool:
    steering = [one for one in output if one != "\n" and (category(one)[0] == "C" or category(one) in ("Zl", "Zp"))]
    assert not steering, sorted(set(steering))
    assert not [line for line in output.splitlines() if line.lstrip().startswith(FAKED)]
    return True


@pytest.fixture
def evil(celery: Services, tmp_path: Path) -> Services:
    """All that outside text can reach, reached by it."""
    change = told(celery, EVIL, source=EVIL, budget=90_000, notes=EVIL, **{EVIL: EVIL})
    score_leads(save(celery, [change._replace(stage=EVIL, owner=EVIL)]))
    at = datetime.now(UTC) - timedelta(seconds=5)
    with celery.session() as db:
        death = FailedWork({"lead_id": EVIL}, f"ValueError: {EVIL}", 5, at)
        dead_letters.add(db, task="scoring.score_leads", failures=[death])
    logs = celery.settings.state_dir / "logs"
    logs.mkdir()
    lines = [
        json.dumps({"at": "2026-11-28 03:00:00,000", "level": "INFO", "message": EVIL, EVIL: EVIL, "exc_info": EVIL})
    ]
    (logs / "api.log").write_text("\n".join([*lines, EVIL]) + "\n", encoding="utf-8")
    bodies = {"type": "lead.created", "timestamp": at.isoformat(), "data": {"id": EVIL, "stage": EVIL, EVIL: EVIL}}
    (tmp_path / "body.json").write_text(json.dumps(bodies), encoding="utf-8")
    return celery


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("score", "1"), True),
        (("score", f"standard:{EVIL}"), True),
        (("score", f"nobody:{EVIL}"), False),
        (("score", f"x{EVIL}"), False),
        (("webhooks", "try", "body.json", "--source", "standard"), True),
        (("webhooks", "try", "body.json", "--source", EVIL), False),
        (("rescore", "--no-wait", "--owner", EVIL, "--where", f"budget != {EVIL}"), True),
        (("rescore", "--no-wait", "--where", f"{EVIL} = 1"), True),
        (("rescore", "--dry-run", "--tier", EVIL), False),
        (("dead-letters",), True),
        (("queues",), False),
        (("logs",), True),
        (("logs", EVIL), False),
        (("runs", "show", EVIL), False),
        (("models", "show", EVIL), False),
        (("models", "promote", EVIL), False),
        (("train", "--without", EVIL, "--trust", EVIL), False),
        (("import", "leads", EVIL, "--source", "x", "--id", "id"), False),
        ((EVIL,), False),
        (("doctor",), False),
    ],
    ids=lambda value: " ".join(value)[:24].encode("ascii", "ignore").decode() if isinstance(value, tuple) else "",
)
def test_no_command_shows_it_raw(
    evil: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    shown: bool,
    as_json: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = service6(*command, *(["--json"] if as_json and command[:2] != ("models", "promote") else []))
    assert is_harmless(result.stdout)
    assert is_harmless(result.stderr)
    if shown and not result.exit_code:
        assert ("\\u001b]0;title" if as_json else "\\x1b]0;title") in result.stdout
    if as_json and not result.exit_code and command[0] not in ("logs",):
        json.loads(result.stdout)


def test_json_keeps_the_values(evil: Services) -> None:
    leads_saved(evil, 1)
    document = json.loads(service6("score", "1", "--json").stdout)
    assert (document["stage"], document["attributes"]["notes"]) == (EVIL, EVIL)


def test_rejected_rows_execute_nothing_and_can_be_mended(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    cells = ["=HYPERLINK(1)", "+cmd|'/C calc'!A0", "-5", "'=1", "\x1b[31m"]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "a", "b", "c", "d", "e"], ["", *cells], ["2", *cells]])
    arguments = ("--source", "crm", "--id", "id")
    assert service6("import", "leads", str(path), *arguments).exit_code == 0
    rejects = tmp_path / "leads.rejects.csv"
    assert is_harmless(rejects.read_text(encoding="utf-8"))
    with rejects.open(newline="", encoding="utf-8") as file:
        [_, row] = csv.reader(file)
    assert row[3:] == ["'=HYPERLINK(1)", "'+cmd|'/C calc'!A0", "-5", "''=1", "\\x1b[31m"]
    rejects.write_text(
        rejects.read_text(encoding="utf-8").replace("the id is empty,", "the id is empty,1"), encoding="utf-8"
    )
    mended = service6("import", "leads", str(rejects), *arguments, "--drop", "line", "--drop", "reason")
    assert mended.exit_code == 0, mended.output
    with celery.reading() as db:
        found = db.connection().exec_driver_sql("SELECT external_id, attributes FROM leads WHERE source = 'crm'").all()
    leads = {external_id: attributes for external_id, attributes in found}
    assert {name: leads["1"][name] for name in "abcd"} == {name: leads["2"][name] for name in "abcd"}
