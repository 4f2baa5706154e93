"""The one model that every contract is built on."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: it never changes, takes no unknown field, and its errors never show what was in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
