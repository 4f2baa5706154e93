"""A lead as Standard Webhooks bring it (https://www.standardwebhooks.com): `{type, timestamp, data{id, …}}`."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _as_text(value: object) -> object:
    return str(value) if type(value) is int else value  # `true` is no id


# PostgreSQL's text holds no NUL.
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$"), BeforeValidator(_as_text)
]


class Data(BaseModel):
    """`id`, and any attribute beside it."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    id: ExternalId

    @property
    def attributes(self) -> dict[str, object]:
        return self.__pydantic_extra__ or {}


class Delivery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    type: str = Field(min_length=1, max_length=200)
    timestamp: AwareDatetime
    data: Data
