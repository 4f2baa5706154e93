"""Describes the messages of the queues from the registered tasks: names, docstrings and arguments."""

from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple, get_type_hints

from pydantic import TypeAdapter

from pipeline.task_calls import ENQUEUED_AT
from tasks.app import app
from tasks.queues import QUEUES

Json = dict[str, Any]


class TaskMessage(NamedTuple):
    queue: str
    name: str
    about: str
    payload: Json

    @property
    def short_name(self) -> str:
        return self.name.partition(".")[2]


def task_messages() -> list[TaskMessage]:
    """One for each task of each declared queue, in their order."""
    for queue in QUEUES:
        import_module(queue.module)
    names = sorted(app.tasks)
    return [_message(queue.name, name) for queue in QUEUES for name in names if name.startswith(f"{queue.name}.")]


def message_document(message: TaskMessage) -> Json:
    headers = {
        "type": "object",
        "properties": {
            "task": {"const": message.name},
            "id": {"type": "string"},
            ENQUEUED_AT: {"type": "number", "description": "seconds since 1970"},
        },
        "required": ["task", "id"],
    }
    return {"name": message.name, "summary": message.about, "headers": headers, "payload": message.payload}


def _message(queue: str, name: str) -> TaskMessage:
    run = app.tasks[name].run
    hints = get_type_hints(run)
    arguments = [_argument(parameter, hints[parameter]) for parameter in signature(run).parameters]
    positional: Json = {"type": "array", "maxItems": len(arguments)}
    if arguments:
        positional |= {"prefixItems": arguments, "minItems": len(arguments)}
    payload = {
        "type": "array",
        "description": "Celery's protocol 2: positional arguments, named ones, and links to other tasks.",
        "prefixItems": [positional, {"type": "object", "maxProperties": 0}, {"type": "object"}],
        "minItems": 3,
        "maxItems": 3,
    }
    return TaskMessage(queue, name, (run.__doc__ or "").partition("\n")[0], payload)


def _argument(name: str, kind: Any) -> Json:
    """Ids start at 1; a message carries nothing but ids and names from the configuration."""
    schema: Json = TypeAdapter(kind).json_schema()
    numbers = schema["items"] if schema.get("type") == "array" else schema
    if numbers.get("type") == "integer":
        numbers["minimum"] = 1
    return {**schema, "description": name.replace("_", " ")}
