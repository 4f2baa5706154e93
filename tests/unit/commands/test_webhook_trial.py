"""`service6 webhooks try`: what a body would become, sealed values left out; no server is asked."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from tests.support.crm import RECORDED, SAMPLE_VENDORS, expected
from tests.support.keys import SECRET_KEY


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE6_SECRET_KEY", SECRET_KEY)


def tried(file: Path, source: str, *options: str) -> Result:
    return CliRunner().invoke(cli.main, ["webhooks", "try", str(file), "--source", source, *options])


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_every_vendors_body_can_be_tried(name: str) -> None:
    file = next((RECORDED / name).glob("1-*"))
    result = tried(file, name)
    assert result.exit_code == 0, result.output
    assert f"lead {expected(name)['external_id']}\n" in result.stdout
    assert "every lead starts with" in result.stdout
    assert "jane" not in result.stdout.casefold()


def test_as_json() -> None:
    told = json.loads(tried(RECORDED / "hubspot" / "1-created.json", "hubspot", "--json").stdout)
    [lead] = told["leads"]
    assert (lead["stage"], lead["sealed"], lead["attributes"]) == ("lead", ["email"], {"lead_source": "ORGANIC_SEARCH"})
    assert lead["score"]["explanation"].startswith("Not enough is known")
    assert told["ignored"] == {}


def test_what_would_be_ignored_is_said(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('[{"subscriptionType": "deal.creation"}]', encoding="utf-8")
    assert tried(file, "hubspot").stdout == "1 event ignored: other record\n"


@pytest.mark.parametrize(
    ("source", "content", "status", "said"),
    [
        ("nobody", "{}", 2, "there is no source 'nobody'; there are: gohighlevel, hubspot"),
        ("hubspot", "{", 1, "not JSON"),
        ("pipedrive", '{"meta": {"version": "1.0", "action": "x", "entity": "y"}}', 1, "/meta/version"),
        ("zoho", " " * (1 << 20) + "{}", 1, "must not exceed"),
    ],
)
def test_what_cannot_be_tried(tmp_path: Path, source: str, content: str, status: int, said: str) -> None:
    file = tmp_path / "body.json"
    file.write_text(content, encoding="utf-8")
    result = tried(file, source)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
