"""The documents are those of the models as they are, and whole."""

from typing import Any

import jsonschema
import pytest
import yaml

from workers.api.openapi import examples
from workers.api.openapi.docs_html import page
from workers.api.openapi.docs_routes import API, EVENTS
from workers.api.openapi.write import documents

FREE = {"/health/live"}
OPTIONAL = {"/health/ready"}  # tells more to those who have a token


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(API.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return found


@pytest.fixture(scope="module")
def events() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(EVENTS.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return found


def test_they_are_current() -> None:
    stale = [path.name for path, text in documents().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make spec`"


def operations(api: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in api["paths"].items() for operation in methods.values()]


def test_every_operation_says_what_it_does_who_may_and_how_it_fails(api: dict[str, Any]) -> None:
    known = {tag["name"] for tag in api["tags"]}
    for path, operation in operations(api):
        assert operation["description"], path
        assert {*operation["tags"]} <= known, path
        if path.startswith("/webhooks/"):
            continue
        assert bool(operation.get("security")) == (path not in FREE), path
        assert ({} in operation.get("security", [])) == (path in OPTIONAL), path
        assert ("401" in operation["responses"]) == (path not in FREE), path
    names = [operation["operationId"] for _, operation in operations(api)]
    assert len(names) == len({*names})


def test_the_examples_are_what_they_are_examples_of(api: dict[str, Any]) -> None:
    shown = examples.by_schema()
    assert shown
    for name, example in shown.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": api["components"]}
        jsonschema.validate(example, schema, jsonschema.Draft202012Validator)
        assert api["components"]["schemas"][name]["examples"] == [example]


def test_the_page_shows_all_and_asks_nobody(api: dict[str, Any], events: dict[str, Any]) -> None:
    shown = page(api, events)
    for path in api["paths"]:
        assert f"<code>{path}</code>" in shown
    for name in (*events["channels"], *events["components"]["schemas"], *api["components"]["schemas"]):
        assert name in shown
    for what in ("<script", "style=", 'src="http', 'href="http', "onclick"):
        assert what not in shown
    anchors = {part.split('"')[0] for part in shown.split(' id="')[1:]}
    links = {part.split('"')[0] for part in shown.split('href="#')[1:]}
    assert links <= anchors
