"""Builds the AsyncAPI document: the messages of the live feed and of the queues."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import feed
from schemas.event import Event
from tasks.queues import QUEUES
from workers.api.openapi.task_messages import TaskMessage, message_document, task_messages

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
EVENTS: tuple[type[BaseModel], ...] = get_args(get_args(Event)[0])

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
    feed.CloseCode.RESET: "the feed started over: fetch a snapshot",
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
    messages = task_messages()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Service 6", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "relay": {"host": "localhost:8000", "protocol": "ws", "security": [_ref("securitySchemes", "accessToken")]},
            "broker": {"host": "localhost:6379", "protocol": "redis", "description": "Redis or Valkey"},
        },
        "channels": {"realTime": _feed(), **_queues(messages)},
        "operations": _operations(messages),
        "components": {
            "messages": {**_messages(), **{message.name: message_document(message) for message in messages}},
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


def _queues(messages: Sequence[TaskMessage]) -> Json:
    return {
        queue.name: {
            "address": queue.name,
            "description": queue.about,
            "servers": [{"$ref": "#/servers/broker"}],
            "messages": {
                message.short_name: _ref("messages", message.name)
                for message in messages
                if message.queue == queue.name
            },
        }
        for queue in QUEUES
    }


def _operations(messages: Sequence[TaskMessage]) -> Json:
    """The operations from the application's side: it receives what clients send."""

    def of(action: str, channel: str, names: list[str]) -> Json:
        messages = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
        return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}

    operations = {
        "hear": of("receive", "realTime", list(CLIENT_MESSAGES)),
        "tell": of("send", "realTime", list(RELAY_MESSAGES)),
    }
    for queue in QUEUES:
        names = [message.short_name for message in messages if message.queue == queue.name]
        operations[f"enqueue_{queue.name}"] = of("send", queue.name, names)
        operations[f"work_{queue.name}"] = of("receive", queue.name, names)
    return operations


def _messages() -> Json:
    models = {**CLIENT_MESSAGES, **RELAY_MESSAGES}
    return {
        name: {"name": name, "summary": model.__doc__ or name, "payload": _ref("schemas", model.__name__)}
        for name, model in models.items()
    }


def _schemas() -> Json:
    models: list[type[BaseModel]] = [*CLIENT_MESSAGES.values(), *RELAY_MESSAGES.values(), *EVENTS]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    kinds: Json = _without_discriminators(dict(sorted(definitions["$defs"].items())))
    return kinds


def _without_discriminators(node: Any) -> Any:
    """Removes discriminators, which are objects in OpenAPI and names in AsyncAPI; the kinds have constants anyway."""
    if isinstance(node, dict):
        return {key: _without_discriminators(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(node, list):
        return [_without_discriminators(value) for value in node]
    return node


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
