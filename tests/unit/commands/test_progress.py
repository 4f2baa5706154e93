"""Progress: a bar on a terminal, plain lines elsewhere; standard output stays the result's."""

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from commands import progress

STEPS = """
import sys
from commands.progress import progress
with progress("[red]importing[/red]", 2_000) as step:
    step(1_500)
    print("[bold]a result[/bold]")
    step(500)
print("rich" in sys.modules)
"""
COLOURED = "\x1b[3"


def on_a_terminal(**environment: str) -> tuple[str, str]:
    """What the steps write to standard output, a pipe, and to standard error, a terminal."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", STEPS],
        env={**variables, "TERM": "xterm-256color", "COLUMNS": "100", "PYTHONUTF8": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as child:
        os.close(theirs)
        drawn = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                drawn += part
        os.close(ours)
        output, _ = child.communicate(timeout=60)
    assert child.returncode == 0, drawn
    return output.decode(), drawn.decode()


def test_a_terminal_shows_a_bar_that_takes_no_text_as_markup() -> None:
    output, drawn = on_a_terminal()
    assert output == "[bold]a result[/bold]\nTrue\n"
    assert "[red]importing[/red]" in drawn
    assert "2,000 of 2,000, " in drawn
    assert "━" in drawn
    assert COLOURED in drawn


def test_no_color_is_obeyed() -> None:
    _, drawn = on_a_terminal(NO_COLOR="1")
    assert "2,000 of 2,000, " in drawn
    assert COLOURED not in drawn


def test_a_terminal_that_cannot_draw_gets_plain_lines_without_loading_rich() -> None:
    assert on_a_terminal(TERM="dumb") == ("[bold]a result[/bold]\nFalse\n", "")


def test_elsewhere_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.0, 15.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress("importing", 40_000) as step:
        for more in (1_000, 9_000, 1_000, 4_000):
            step(more)
    assert capsys.readouterr().err.splitlines() == [
        "importing: 10,000 of 40,000, 1,000/s, 30 s left",
        "importing: 15,000 of 40,000, 1,000/s, 25 s left",
    ]
