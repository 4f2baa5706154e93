"""The command `service6` as an operator meets it: what it prints, and its exit status."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

import cli
from pipeline.redis_store import worker_heartbeat
from pipeline.security import tokens
from pipeline.settings.loader import Settings, load
from pipeline.storage.platform import migrate
from pipeline.wiring import Services
from schemas.access import Role
from tasks import queues
from tasks.scoring import score_leads
from tests.integration.rows import execute, leads_saved, save, told
from tests.support.keys import SECRET_KEY
from tests.support.processes import ROOT
from tests.support.waiting import eventually


def service6(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("command", ["", *cli.main.commands])
def test_every_command_explains_itself(command: str) -> None:
    result = service6(*command.split(), "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command}".rstrip())
    assert "..." not in result.stdout.partition("Commands:")[2]  # a summary that was cut


def test_token_stands_alone_on_stdout(settings: Settings) -> None:
    result = service6("token", "--role", "executive", "--expires", "30m", "--sub", "ada")
    claims = tokens.verify(settings.secret_key.get_secret_value(), result.stdout.removesuffix("\n"))
    assert (claims.role, claims.sub, result.stderr, result.exit_code) == (Role.EXECUTIVE, "ada", "", 0)


def test_an_agents_owner_is_written_as_leads_carry_it(settings: Settings, services: Services) -> None:
    result = service6("token", "--role", "agent", "--owner", "boss@example.com", "--owner", "Mara", "--link")
    link = re.fullmatch(r"http://127\.0\.0\.1:8000/#token=(\S+)\n", result.stdout)
    assert link is not None
    claims = tokens.verify(settings.secret_key.get_secret_value(), link[1])
    assert claims.owners == (told(services, "1", owner="boss@example.com").owner, "Mara")
    assert "@" not in claims.owners[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["token"], "--role"),
        (["token", "--role", "king"], "king"),
        (["token", "--role", "agent"], "an agent needs --owner"),
        (["token", "--role", "viewer", "--owner", "x"], "no other role takes it"),
        (["token", "--role", "admin", "--expires", "3 fortnights"], "for example 12h"),
        (["token", "--role", "admin", "--expires", "0h"], "between"),
        (["token", "--role", "admin", "--sub", ""], "sub: "),
        (["token", "--role", "admin", "--sub", "a" * 201], "200 characters"),
        (["token", "--role", "admin", "--sub", "ann\nroot"], "cannot be printed"),
        (["token", "--role", "admin", "--sub", "\x1b]0;x\x07"], "cannot be printed"),
        (["token", "--role", "agent", "--owner", "x" * 201], "200 characters"),
        (["import", "leads", "nowhere.csv", "--source", "s", "--id", "id"], "nowhere.csv"),
        (["import", "leads", __file__, "--source", "s", "--id", "id", "--won", "1"], "belong together"),
        (["simulate", "--rate", "0"], "--rate"),
        (["frobnicate"], "frobnicate"),
        (["--frobnicate"], "--frobnicate"),
        (["runs", "show", "first"], "'first' is not a valid integer; see `main runs show --help`"),
    ],
)
def test_wrong_usage_is_status_2(settings: Settings, arguments: list[str], words: str) -> None:
    result = service6(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert re.fullmatch(r"service6: .*\n", result.stderr)


@pytest.mark.parametrize("arguments", [["queues"], ["score", "1"], ["db", "upgrade"], ["simulate"]])
def test_without_servers_one_line_says_what_to_do(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SERVICE6_") or name.endswith("_URL")]:
        monkeypatch.delenv(name)
    result = service6(*arguments, "--state-dir", str(tmp_path))
    assert result.exit_code == 2
    assert re.fullmatch(r"service6: .*`service6 up`\n", result.stderr)


@pytest.mark.parametrize("arguments", [["queues"], ["score", "1"], ["db", "upgrade"]])
def test_with_postgresql_away_one_line_and_status_1(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg2://service6:secret-word@127.0.0.1:1/service6")
    result = service6(*arguments)
    assert result.exit_code == 1
    assert re.fullmatch(r"service6: PostgreSQL.*; `service6 doctor` says what is wrong\n", result.stderr)
    assert "secret-word" not in result.stderr


def test_db_upgrade_says_what_it_did(settings: Settings, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert service6("db", "upgrade").stdout.startswith("applied 0001")
    assert migrate.current(empty_database) is not None
    assert service6("db", "upgrade").stdout == "the schema is up to date\n"


def test_import_prints_counts_and_where_the_rejects_are(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("Lead;Tags;n\n1;x;5\n;y;6\n", encoding="utf-8")
    arguments = ("import", "leads", str(path), "--source", "crm", "--id", "Lead", "--drop", "Tags")
    result = service6(*arguments)
    assert result.exit_code == 0
    assert re.sub(r" +", " ", result.stdout).splitlines() == [
        "read 2",
        "new 1",
        "changed 0",
        "unchanged 0",
        "rejected 1",
        f"The rejected rows and why: {tmp_path / 'leads.rejects.csv'}",
    ]
    assert json.loads(service6(*arguments, "--json").stdout)["unchanged"] == 1


@pytest.mark.parametrize("arguments", [("queues",), ("completion", "bash"), ("--help",), ("import", "--help")])
def test_a_full_disk_behind_standard_output_is_one_line(settings: Settings, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    line = done.stderr.decode("utf-8")
    assert line.startswith("service6: the output cannot be written: No space left on device; "), line
    assert line.count("\n") == 1


def test_import_tells_the_columns_found(celery: Services, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("Lead,Tags\n", encoding="utf-8")
    result = service6("import", "leads", str(path), "--source", "crm", "--id", "id")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "service6: no column 'id'; the file has: Lead, Tags\n"


def test_score_by_number_and_by_the_vendors_id(celery: Services) -> None:
    [lead_id] = save(celery, [told(celery, "ada@example.com", budget=90_000, source="referral")])
    assert service6("score", str(lead_id)).exit_code == 1
    score_leads([lead_id])
    shown = service6("score", str(lead_id)).stdout
    assert service6("score", "standard:ada@example.com").stdout == shown
    assert re.search(r"^score \d+\.\d  tier [ABCD]  confidence 0\.\d\d", shown, re.MULTILINE)
    assert re.search(r"^   \+8\.0  came by referral +lead_source = referral$", shown, re.MULTILINE)
    assert "ada@" not in shown
    detail = json.loads(service6("score", str(lead_id), "--json").stdout)
    assert service6("score", detail["external_id"]).stdout == shown
    assert detail["score"]["factors"][0]["points"] == 8.0


def test_an_id_that_two_sources_know_needs_its_source(celery: Services) -> None:
    score_leads(save(celery, [told(celery, "crm-42"), told(celery, "crm-42")._replace(source="other")]))
    result = service6("score", "crm-42")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "service6: several sources have a lead 'crm-42'; ask for SOURCE:ID, or for its number\n"
    assert "other:crm-42" in service6("score", "other:crm-42").stdout


@pytest.mark.parametrize("asked", ["123", "abc", "standard:nobody", "9" * 30])
def test_score_of_an_unknown_lead(services: Services, asked: str) -> None:
    result = service6("score", asked)
    assert result.exit_code == 1
    assert re.fullmatch(r"service6: .*\n", result.stderr)


def test_queues_tell_what_waits_and_what_is_owed(celery: Services) -> None:
    leads_saved(celery, 3)
    execute(celery, "UPDATE unscored SET dead = true WHERE lead_id = (SELECT min(lead_id) FROM unscored)")
    with redis.Redis.from_url(celery.settings.redis_url) as client:
        client.hset("unacked", "tag", json.dumps([{"body": ""}, "", "upkeep"]))
        client.lpush("scoring", json.dumps({"headers": {"enqueued_at": 0}}))
    work = json.loads(service6("queues", "--json").stdout)
    by_name = {queue["name"]: queue for queue in work["queues"]}
    assert (by_name["scoring"]["waiting"], by_name["scoring"]["running"]) == (1, 0)
    assert (by_name["upkeep"]["waiting"], by_name["upkeep"]["running"]) == (0, 1)
    assert by_name["scoring"]["oldest_s"] > 1e9
    assert (work["owed"], work["dead"]) == (2, 1)
    shown = service6("queues").stdout
    assert "2 leads wait for a score" in shown
    assert "1 leads dead" in shown


def test_doctor_of_a_system_that_is_well_but_stopped(services: Services) -> None:
    services.redis.config_set("maxmemory-policy", "noeviction")
    services.redis.config_set("appendonly", "yes")
    result = service6("doctor", "--json")
    levels = {finding["name"]: finding["level"] for finding in json.loads(result.stdout)}
    assert result.exit_code == 0, result.stdout
    for name in ("configuration", "secret key", "webhooks standard", "postgresql", "postgresql clock", "schema"):
        assert levels[name] == "ok"
    assert levels["worker scoring"] == levels["beat"] == levels["api"] == "warn"
    worker_heartbeat.beat(services.redis, list(queues.names()))
    worker_heartbeat.beat_tick(services.redis)
    levels = {finding["name"]: finding["level"] for finding in json.loads(service6("doctor", "--json").stdout)}
    assert levels["worker scoring"] == levels["beat"] == "ok"


def test_doctor_says_how_to_mend(settings: Settings, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    monkeypatch.setenv("REDIS_URL", "redis://:secret-word@127.0.0.1:1/0")
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", "whsec_")
    result = service6("doctor")
    assert result.exit_code == 1
    assert re.search(r"^bad +schema +empty.*\n +→ run `service6 db upgrade`", result.stdout, re.MULTILINE)
    assert re.search(r"^bad +redis +does not answer.*\n +→ .*REDIS_URL", result.stdout, re.MULTILINE)
    assert re.search(r"^bad +webhooks standard", result.stdout, re.MULTILINE)
    assert "secret-word" not in result.stdout


def test_ctrl_c_is_one_line(settings: Settings, tmp_path: Path) -> None:
    """Held in the middle of an import by the pipe that it reads its file from."""
    path = tmp_path / "leads.csv"
    os.mkfifo(path)
    argv = [sys.executable, "-m", "cli", "import", "leads", str(path), "--source", "crm", "--id", "id"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        writer = eventually(lambda: _opened(path), within_s=30)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
        os.close(writer)
    assert (child.returncode, out) == (130, b"")
    assert err.decode("utf-8").strip() == "service6: interrupted; nothing is saved"


def _opened(pipe: Path) -> int | None:
    """Once the other side reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_another_state_directory_is_another_system(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("another-" + SECRET_KEY, encoding="utf-8")
    result = service6("token", "--role", "viewer", "--state-dir", str(tmp_path))
    key = load(tmp_path).secret_key.get_secret_value()
    assert tokens.verify(key, result.stdout.strip()).role is Role.VIEWER
