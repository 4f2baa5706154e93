"""The documents are what their standards ask of them."""

import gzip
import json
from pathlib import Path

import jsonschema
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from workers.api.openapi.docs_routes import API, EVENTS

ASYNCAPI = Path(__file__).parent / "asyncapi-3.0.0.json.gz"


def test_openapi() -> None:
    document = yaml.load(API.read_text(encoding="utf-8"), yaml.CSafeLoader)
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_asyncapi() -> None:
    rules = json.loads(gzip.decompress(ASYNCAPI.read_bytes()))
    jsonschema.Draft7Validator(rules).validate(yaml.load(EVENTS.read_text(encoding="utf-8"), yaml.CSafeLoader))
