"""The AsyncAPI document: the messages of the live feed, and those that travel through the queues."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import feed
from schemas.event import AlarmChanged, LeadRemoved, LeadRescored, RunChanged, ScoreChanged
from tasks.app import ENQUEUED_AT

Json = dict[str, Any]

DESCRIPTION = """\
The live feed is a WebSocket of JSON text frames. A client sends `auth` first, then `subscribe`; it keeps per `key` the
event with the highest `rev`, and the position of the newest frame, from which it resumes.

The queues belong to Celery: a message is a hint that there is work in PostgreSQL, carries ids only, and may be lost,
doubled or late without harm.
"""

CLIENT_MESSAGES: dict[str, type[BaseModel]] = {
    "auth": feed.Authenticate,
    "subscribe": feed.Subscribe,
    "watch": feed.Watch,
    "ping": feed.Ping,
}
RELAY_MESSAGES: dict[str, type[BaseModel]] = {
    "ready": feed.Ready,
    "subscribed": feed.Subscribed,
    "changes": feed.Changes,
    "heartbeat": feed.Heartbeat,
    "error": feed.CloseMessage,
}
EVENTS = (ScoreChanged, LeadRemoved, LeadRescored, RunChanged, AlarmChanged)

SCORE_LEADS: Json = {
    "type": "array",
    "description": "Celery's protocol 2: positional arguments, named ones, and links to other tasks.",
    "prefixItems": [
        {
            "type": "array",
            "prefixItems": [{"type": "array", "items": {"type": "integer", "minimum": 1}, "description": "lead ids"}],
            "minItems": 1,
            "maxItems": 1,
        },
        {"type": "object", "maxProperties": 0},
        {"type": "object"},
    ],
    "minItems": 3,
    "maxItems": 3,
}
NO_ARGUMENTS: Json = {
    **SCORE_LEADS,
    "prefixItems": [{"type": "array", "maxItems": 0}, *SCORE_LEADS["prefixItems"][1:]],
}
SOURCE_AND_TARGET: Json = {
    **SCORE_LEADS,
    "prefixItems": [
        {
            "type": "array",
            "prefixItems": [
                {"type": "string", "description": "a source"},
                {"enum": ["crm", "webhook"], "description": "who is told its scores"},
            ],
            "minItems": 2,
            "maxItems": 2,
        },
        *SCORE_LEADS["prefixItems"][1:],
    ],
}
SOURCE: Json = {
    **SCORE_LEADS,
    "prefixItems": [
        {
            "type": "array",
            "prefixItems": [{"type": "string", "description": "a source"}],
            "minItems": 1,
            "maxItems": 1,
        },
        *SCORE_LEADS["prefixItems"][1:],
    ],
}


def _one_id(what: str) -> Json:
    arguments = {
        "type": "array",
        "prefixItems": [{"type": "integer", "minimum": 1, "description": f"a {what}'s id"}],
        "minItems": 1,
        "maxItems": 1,
    }
    return {**SCORE_LEADS, "prefixItems": [arguments, *SCORE_LEADS["prefixItems"][1:]]}


TASKS = {
    "scoring.score_leads": ("scoring", "Those of the leads that still need a score get one.", SCORE_LEADS),
    "upkeep.sweep": ("upkeep", "Finds work whose message was lost.", NO_ARGUMENTS),
    "upkeep.keep_runs": ("upkeep", "Begins runs that are due, and finds those whose messages were lost.", NO_ARGUMENTS),
    "rescoring.rescore": ("rescoring", "One slice of the run is scored anew.", _one_id("run")),
    "upkeep.keep_trainings": ("upkeep", "Counts outcomes, and finds trainings that are due.", NO_ARGUMENTS),
    "upkeep.watch": ("upkeep", "Looks at drift and accuracy of the champion.", NO_ARGUMENTS),
    "learning.train_model": ("learning", "The training is done, if it still waits.", _one_id("training")),
    "upkeep.call_out": ("upkeep", "Finds what is owed to CRMs; enqueued only where one is configured.", NO_ARGUMENTS),
    "outreach.write_back": ("outreach", "Tells a CRM the scores that are owed to it.", SOURCE_AND_TARGET),
    "outreach.fetch_back": ("outreach", "Asks a CRM for the records of which little is known.", SOURCE),
    "upkeep.prune": ("upkeep", "Forgets what is old, and makes partitions ahead.", NO_ARGUMENTS),
}
CLOSE_CODES = {
    feed.CloseCode.TOO_BIG: "a message was too large",
    feed.CloseCode.RESTART: "the relay restarts, cannot reach the feed, or had too many sockets that had not sent a "
    "token; the reason bears `retry-after`",
    feed.CloseCode.PROTOCOL: "a message that is not part of the protocol, no token in time, or too many messages for "
    "too long (then the reason bears `retry-after`)",
    feed.CloseCode.EXPIRED: "the access token has expired",
    feed.CloseCode.FORBIDDEN: "forged token, another reader, or too many sockets; do not come again by yourself",
    feed.CloseCode.TOO_SLOW: "the client read too slowly",
    feed.CloseCode.REVOKED: "the session was revoked",
    feed.CloseCode.RESET: "the feed began anew: fetch a snapshot",
}

CONDUCT = """\
Connecting again: where the reason bears `retry-after`, after so many seconds, which differ from socket to socket.
After any other end, also one without a close frame, with exponential backoff and full jitter: a random time below a
bound that begins at half a second and doubles up to 8 s. Only a connection that lasted resets the backoff: one that
ends within 5 s of `subscribed` is the next failure of a series. An end with `retry-after` is no failure, so several
restarts in a row leave the backoff as it is.

Messages: a socket may send `relay.messages_burst` messages at once and `relay.messages_s` a second, all sockets of a
user together `relay.user_messages_burst` and `relay.user_messages_s`. What comes sooner is read later. `subscribe` and
`watch` have a budget of their own for each user (`relay.user_replays_burst`, `relay.user_replays_s`): while one waits
for it, a newer one replaces it, and the older one is not answered. A socket that is over its budget for
`relay.slow_after_s` is closed with 4000. A message has at most `relay.message_limit` bytes.

A heartbeat with `away_s` says that the relay cannot read the feed, and for how long. It is sent as soon as the relay
knows, with each heartbeat until it ends, and once without `away_s` when it has ended."""


def document() -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Service 6", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "relay": {"host": "localhost:8000", "protocol": "ws", "security": [_ref("securitySchemes", "accessToken")]},
            "broker": {"host": "localhost:6379", "protocol": "redis", "description": "Redis or Valkey"},
        },
        "channels": {"realTime": _feed(), **{queue: _queue(queue) for queue, _, _ in TASKS.values()}},
        "operations": _operations(),
        "components": {
            "messages": {**_messages(), **{name: _task(name) for name in TASKS}},
            "schemas": _schemas(),
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "description": "or the first message, `auth`"}
            },
        },
    }


def _feed() -> Json:
    closes = "\n".join(f"- {code.value}: {why}" for code, why in CLOSE_CODES.items())
    return {
        "address": feed.PATH,
        "description": f"Close codes:\n{closes}\n\n{CONDUCT}",
        "servers": [{"$ref": "#/servers/relay"}],
        "messages": {name: _ref("messages", name) for name in (*CLIENT_MESSAGES, *RELAY_MESSAGES)},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _queue(queue: str) -> Json:
    messages = {_short(name): _ref("messages", name) for name, (where, _, _) in TASKS.items() if where == queue}
    return {"address": queue, "servers": [{"$ref": "#/servers/broker"}], "messages": messages}


def _operations() -> Json:
    """From where this application stands: it receives what clients say."""

    def of(action: str, channel: str, names: list[str]) -> Json:
        messages = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
        return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}

    found = {
        "hear": of("receive", "realTime", list(CLIENT_MESSAGES)),
        "tell": of("send", "realTime", list(RELAY_MESSAGES)),
    }
    for queue in dict.fromkeys(queue for queue, _, _ in TASKS.values()):
        names = [_short(name) for name, (where, _, _) in TASKS.items() if where == queue]
        found[f"enqueue_{queue}"] = of("send", queue, names)
        found[f"work_{queue}"] = of("receive", queue, names)
    return found


def _messages() -> Json:
    models = {**CLIENT_MESSAGES, **RELAY_MESSAGES}
    return {
        name: {"name": name, "summary": model.__doc__ or name, "payload": _ref("schemas", model.__name__)}
        for name, model in models.items()
    }


def _task(name: str) -> Json:
    _, about, payload = TASKS[name]
    headers = {
        "type": "object",
        "properties": {
            "task": {"const": name},
            "id": {"type": "string"},
            ENQUEUED_AT: {"type": "number", "description": "seconds since 1970"},
        },
        "required": ["task", "id"],
    }
    return {"name": name, "summary": about, "headers": headers, "payload": payload}


def _schemas() -> Json:
    models: list[type[BaseModel]] = [*CLIENT_MESSAGES.values(), *RELAY_MESSAGES.values(), *EVENTS]
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    kinds: Json = _without_discriminators(dict(sorted(found["$defs"].items())))
    return kinds


def _without_discriminators(node: Any) -> Any:
    """OpenAPI's are objects, AsyncAPI's are names; each kind of event has its constant anyway."""
    if isinstance(node, dict):
        return {key: _without_discriminators(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(node, list):
        return [_without_discriminators(value) for value in node]
    return node


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _short(name: str) -> str:
    return name.partition(".")[2]
