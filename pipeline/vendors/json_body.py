"""JSON as the vendors send it. Of a key that is there twice the last counts, to every reader of the body."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from pipeline.vendors.report import UnreadableBody

T = TypeVar("T")


class Body(BaseModel):
    """Part of a vendor's body: fields that are not ours to know are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class CamelBody(Body):
    """`objectId` in the body is `object_id` here."""

    model_config = ConfigDict(alias_generator=to_camel)


def parse(body: bytes) -> Any:
    """Raises Unreadable for what is no JSON; orjson itself ends at 1,024 levels."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody(f"not JSON: {error.msg} at byte {error.pos}") from None


def validated(adapter: TypeAdapter[T], parsed: object, at: str = "") -> T:
    """Raises Unreadable with the first fault, as a pointer below `at`; its text never shows what was there."""
    try:
        return adapter.validate_python(parsed)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UnreadableBody(first["msg"], at + "".join(f"/{part}" for part in first["loc"])) from None


def plain(value: object, *keys: str) -> object:
    """Where a value comes wrapped in an object, what is under the first of these keys; itself where it does not."""
    if isinstance(value, dict):
        return next((value[key] for key in keys if key in value), value)
    return value
