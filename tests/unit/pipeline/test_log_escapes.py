"""A log that is read with `cat` steers no terminal either."""

import json
import subprocess
import sys
from unicodedata import category

import pytest

from tests.support.processes import ROOT

LOGGING = """
import logging, sys
from pipeline import log
log.configure("x")
told = sys.argv[1].encode().decode("unicode_escape")
logging.getLogger("a").warning("told %s", told, extra={"b": {"c": [told]}})
"""


@pytest.mark.parametrize(
    "evil", ["\\x1b[31m", "\\x9b31m", "\\x7f", "\\u202eabc", "a\\nlevel b", "\\u2028", "\\u200b", "\\ud800"]
)
def test_a_line_is_one_line_and_holds_no_control_character(evil: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGGING, evil],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        encoding="utf-8",
    )
    [line] = done.stderr.split("\n")[:-1]
    assert not [one for one in line if category(one)[0] == "C" or category(one) in ("Zl", "Zp")]
    assert json.loads(line)["message"] == "told " + evil.encode().decode("unicode_escape")
