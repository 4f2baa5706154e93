"""What the relay says and the queues hold is what the AsyncAPI document says of it."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
import yaml
from websockets.sync.client import ClientConnection, connect

from pipeline import task_calls
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from schemas.access import Role
from schemas.feed import PATH
from tasks.app import deliver, send
from tests.integration.rows import leads_saved, save_scores, scored
from tests.support.serving import Api, api, in_this_process, open_services, process
from tests.support.waiting import eventually
from workers.api.openapi.docs_routes import EVENTS


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(EVENTS.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return found


def conforms(document: dict[str, Any], name: str, message: object) -> None:
    payload = document["components"]["messages"][name]["payload"]
    jsonschema.validate(message, {**payload, "components": document["components"]}, jsonschema.Draft202012Validator)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as made, in_this_process(made):
        yield made


@contextmanager
def feed(running: Api, role: Role) -> Iterator[ClientConnection]:
    address = running.url.replace("http", "ws") + PATH
    with connect(address, additional_headers=running.bearer(role), proxy=None) as opened:
        yield opened


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
def test_the_relays_frames(services: Services, document: dict[str, Any], role: Role) -> None:
    heard: list[dict[str, Any]] = []
    publisher = process("publisher", ("workers.publisher",), services.settings)
    with api(services.settings) as running, publisher, feed(running, role) as socket:
        said = [{"t": "subscribe", "topics": ["leads"]}, {"t": "ping"}]
        for message in said:
            conforms(document, message["t"], message)  # type: ignore[arg-type]
            socket.send(json.dumps(message))
        leads = leads_saved(services, 3, source="referral")
        with services.session() as db:
            save_scores(services, db, scored(services, leads))
        services.stream.hint()

        def told() -> bool:
            heard.append(json.loads(socket.recv(timeout=10)))
            return {"ready", "subscribed", "heartbeat", "changes"} <= {each["t"] for each in heard}

        eventually(told)
        socket.send('{"t": "nonsense"}')
        heard.append(json.loads(socket.recv(timeout=10)))
    assert heard[-1]["t"] == "error"
    for message in heard:
        conforms(document, message["t"], message)


def test_the_queues_messages(services: Services, document: dict[str, Any]) -> None:
    assert send(task_calls.score_leads([3, 1, 2]))
    envelope = json.loads(services.redis.lpop("scoring"))  # type: ignore[arg-type]
    described = document["components"]["messages"]["scoring.score_leads"]
    jsonschema.validate(envelope["headers"], described["headers"])
    body = json.loads(base64.b64decode(envelope["body"]))
    conforms(document, "scoring.score_leads", body)
    assert body[0] == [[3, 1, 2]]
    deliver(task_calls.train_model(7))
    body = json.loads(base64.b64decode(json.loads(services.redis.lpop("learning"))["body"]))  # type: ignore[arg-type]
    conforms(document, "learning.train_model", body)
    assert body[0] == [7]
    assert {*document["components"]["messages"]} >= {"upkeep.sweep", "upkeep.prune"}
