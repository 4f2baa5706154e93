"""`service6 logs`, `open` and `completion` as an operator meets them."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from pipeline.security import tokens
from pipeline.settings.loader import Settings
from schemas.access import Role
from tests.support.processes import ROOT, terminal
from tests.support.serving import api

Log = Callable[..., Path]


def service6(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.fixture
def log(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Writes a line of a program, as our own processes do."""
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    (state_dir / "logs").mkdir()

    def written(program: str, second: int, message: str, **more: object) -> Path:
        path = state_dir / "logs" / f"{program}.log"
        told = {"at": f"2026-11-28 03:00:{second:02},000", "level": "INFO", "logger": "x.y", "message": message, **more}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
        return path

    return written


def messages(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.split(": ", 1)[-1].split(" ")[0] for line in result.stdout.splitlines()]


def test_all_programs_in_the_order_of_time(log: Log) -> None:
    for second in range(6):
        log(("api", "scoring", "beat")[second % 3], second, f"m{second}", source="hubspot")
    assert messages(service6("logs")) == [f"m{n}" for n in range(6)]
    assert messages(service6("logs", "--lines", "2")) == ["m4", "m5"]
    assert messages(service6("logs", "api", "beat")) == ["m0", "m2", "m3", "m5"]
    assert service6("logs", "--lines", "1").stdout.split()[:3] == ["beat", "2026-11-28", "03:00:05"]
    told = json.loads(service6("logs", "--lines", "1", "--json").stdout)
    assert (told["program"], told["message"], told["source"]) == ("beat", "m5", "hubspot")


def test_what_is_no_json_keeps_its_place(log: Log) -> None:
    path = log("api", 1, "first", exc_info="Traceback\n  a frame")
    with path.open("ab") as file:
        file.write(b"plain \xff words\n")
    log("scoring", 2, "last")
    shown = service6("logs").stdout.splitlines()
    assert [line.split()[-1] for line in shown] == ["first", "Traceback", "frame", "words", "last"]
    assert "plain \\xff words" in shown[3]


def test_what_was_moved_aside_is_read_too(log: Log) -> None:
    for number in range(4):
        path = log("api", number, f"m{number}")
        if number < 3:
            path.rename(path.with_suffix(f".log.{3 - number}"))
    assert messages(service6("logs", "--lines", "3")) == ["m1", "m2", "m3"]
    assert messages(service6("logs")) == ["m0", "m1", "m2", "m3"]


@pytest.mark.parametrize("rotation", ["moved", "copied and cut", "moved twice"])
def test_following_misses_nothing_across_a_rotation(log: Log, rotation: str) -> None:
    path = log("api", 0, "before")
    with terminal([sys.executable, "-m", "cli", "logs", "-f"]) as shown:
        shown.shows("before")
        log("api", 1, "while")
        shown.shows("while")
        if rotation == "copied and cut":
            shutil.copy(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
        else:
            log("api", 2, "late")
            path.rename(path.with_suffix(".log.1"))
        log("api", 3, "after")
        shown.shows("after")
        if rotation == "moved twice":
            path.rename(path.with_suffix(".log.2"))
            log("api", 4, "again")
            shown.shows("again")
        log("scoring", 5, "new program")
        shown.shows("new program")
    told = [line.split(": ", 1)[1].split(" ")[0] for line in shown.lines]
    late = [] if rotation == "copied and cut" else ["late"]
    again = ["again"] if rotation == "moved twice" else []
    assert told == ["before", "while", *late, "after", *again, "new"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [(["nobody"], 2, "'nobody' has no log; there are: api"), (["--lines", "x"], 2, "not a valid integer")],
)
def test_what_cannot_be_shown_is_one_line(log: Log, arguments: list[str], status: int, words: str) -> None:
    log("api", 0, "m")
    result = service6("logs", *arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (status, 1)
    assert words in result.stderr


def test_without_logs_the_line_says_what_writes_them(state_dir: Path) -> None:
    result = service6("logs", "--state-dir", str(state_dir))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "`service6 up` writes them" in result.stderr


def test_open_leads_the_browser_to_the_page_without_an_argument_that_signs_in(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >> {seen}\n', encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    with api(settings) as served:
        port = served.url.rpartition(":")[2]
        monkeypatch.setenv("SERVICE6_API__PORT", port)
        result = service6("open", "--role", "viewer")
        assert result.exit_code == 0, result.output
        link = result.stdout.strip()
        token = link.partition("/#token=")[2]
        assert tokens.verify(settings.secret_key.get_secret_value(), token).role is Role.VIEWER
        page = settings.state_dir / "sign-in.html"
        assert seen.read_text(encoding="utf-8").strip() == page.as_uri()
        assert link in page.read_text(encoding="utf-8")
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        for screen in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(screen, raising=False)
        assert service6("open").exit_code == 0
        assert len(seen.read_text(encoding="utf-8").splitlines()) == 1
    result = service6("open")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "start it with `service6 up`" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_can_read(shell: str, tmp_path: Path) -> None:
    result = service6("completion", shell)
    assert result.exit_code == 0
    assert f"_SERVICE6_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(result.stdout, encoding="utf-8")
        check = ["-n"] if shell != "fish" else ["--no-execute"]
        subprocess.run([shell, *check, str(tmp_path / "script")], check=True)


@pytest.mark.parametrize(
    ("words", "offered"), [("service6 que", "queues"), ("service6 runs pa", "pause"), ("service6 logs a", "api")]
)
def test_tab_offers_commands_and_programs(log: Log, words: str, offered: str) -> None:
    log("api", 0, "m")
    asked = {"_SERVICE6_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    program = "import cli; cli.main(prog_name='service6')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert offered in done.stdout


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["quues"], "'queues'"),
        (["scor"], "'score'"),
        (["runs", "shw"], "'show'"),
        (["dead-leters"], "'dead-letters'"),
        (["queues", "--jsn"], "'--json'"),
    ],
)
def test_a_slip_in_a_command_is_answered_with_what_was_meant(arguments: list[str], meant: str) -> None:
    result = service6(*arguments)
    assert result.exit_code == 2
    assert "did you mean" in result.stderr.lower()
    assert meant in result.stderr
