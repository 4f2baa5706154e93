"""Every text is read and written in UTF-8, whatever the locale says."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ASCII, ROOT
from workers.supervisor import orphans

FOLDERS = ("benchmarks", "commands", "coordination", "migrations", "pipeline", "schemas", "tasks", "tests", "workers")
FILES = sorted([*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))])
# The place of the encoding among the arguments.
TEXT_METHODS = {"read_text": 0, "write_text": 1}
OPENERS = {"open", "fdopen", "TextIOWrapper", "NamedTemporaryFile", "TemporaryFile"}
STARTERS = {"run", "Popen", "check_output"}


def test_every_text_is_opened_with_its_encoding() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path in FILES
        for call in _calls(ast.parse(path.read_bytes()))
        if _is_left_to_the_locale(call)
    ]
    assert not found, "\n".join(found)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_left_to_the_locale(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
    options = {option.arg: option.value for option in call.keywords}
    if "encoding" in options:
        return False
    if name in TEXT_METHODS:
        return len(call.args) <= TEXT_METHODS[name]
    if name in STARTERS:
        return any(getattr(options.get(option), "value", False) for option in ("text", "universal_newlines"))
    return name in OPENERS and _is_text(call, options)


def _is_text(call: ast.Call, options: dict[str | None, ast.expr]) -> bool:
    """Whether a file is opened, and as text: by a mode without `b`, or `open` of a path without any mode."""
    modes = [*call.args[:2], options.get("mode")]
    words = [word.value for word in modes if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    modes = [word for word in words if word and set(word) <= set("rwaxbt+")]
    if modes:
        return not any("b" in word for word in modes)
    return getattr(call.func, "id", "") in ("open", "TextIOWrapper") or "newline" in options


@pytest.mark.parametrize(
    ("call", "is_found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.read_text(encoding='utf-8')", False),
        ("path.write_text(x)", True),
        ("path.write_text(x, 'utf-8')", False),
        ("path.open('w', newline='')", True),
        ("path.open(newline='')", True),
        ("path.open('rb')", False),
        ("open(path)", True),
        ("open(path, 'wb')", False),
        ("os.fdopen(n, 'w')", True),
        ("os.open(path, os.O_RDONLY)", False),
        ("vault.open(sealed, row)", False),
        ("subprocess.run(x, text=True)", True),
        ("subprocess.Popen(x, text=True, encoding='utf-8')", False),
        ("subprocess.run(x)", False),
        ("NamedTemporaryFile('w')", True),
        ("TemporaryFile()", False),
    ],
)
def test_the_check_finds_them(call: str, is_found: bool) -> None:
    assert any(map(_is_left_to_the_locale, _calls(ast.parse(call)))) is is_found


@pytest.mark.parametrize("arguments", [["--help"], ["token", "--role", "viewer"], ["doctor"]])
def test_a_machine_without_utf_8_is_no_fault(tmp_path: Path, arguments: list[str]) -> None:
    """The configuration holds more than ASCII. `EncodingWarning`: some library or we read a file by the locale."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SERVICE6_")}
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-m", "cli", *arguments],
        cwd=ROOT,
        env={**given, **ASCII, "SERVICE6_STATE_DIR": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    said = (done.stdout + done.stderr).decode("utf-8")
    assert "Traceback" not in said
    assert "EncodingWarning" not in said


def test_a_process_may_have_a_name_in_any_encoding() -> None:
    program = "open('/proc/self/comm', 'wb').write(b'\\xff) (\\xb9'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert orphans._parent(child.pid) == os.getpid()
        child.communicate(b"\n")
