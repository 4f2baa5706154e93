"""The README says what is bounded, and how much: as the configuration and the code have it."""

import importlib
import re

import pytest
import yaml

from pipeline.settings.loader import CONFIG_FILE
from tests.support.processes import ROOT

UNITS = {"": 1, "s": 1, "KiB": 1 << 10, "MiB": 1 << 20}
BOUND = re.compile(r"([\d,]+)(?: (s|KiB|MiB))?")
ROW = re.compile(r"\| .+ \| (?P<bound>[^|]+) \| `(?P<setting>[\w.]+)` \|")


def rows() -> dict[str, str]:
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## What is bounded\n")[2].partition("\n## ")[0]
    )
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    found = [ROW.fullmatch(line) for line in lines]
    assert all(found), "a row is | what | number, unit | `setting` |"
    return {row["setting"]: row["bound"] for row in found if row}


@pytest.mark.parametrize(("setting", "bound"), rows().items())
def test_a_bound_is_what_the_readme_says(setting: str, bound: str) -> None:
    told = BOUND.fullmatch(bound)
    assert told, bound
    number, unit = told.groups(default="")
    assert int(number.replace(",", "")) * UNITS[unit] == value(setting)


def value(setting: str) -> object:
    module, _, name = setting.rpartition(".")
    if name.isupper():
        return getattr(importlib.import_module(module), name)
    return yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["defaults"][module][name]


def test_what_strangers_may_cost_is_in_it() -> None:
    limits = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["defaults"]["api"]
    wanted = {f"api.{name}" for name in limits if name.endswith(("_limit", "_bytes", "_per_address", "connections"))}
    assert wanted
    assert wanted <= rows().keys()
