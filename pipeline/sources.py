"""How the deliveries of one CRM are read, as it is written in the configuration."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pipeline.attributes import canonical
from pipeline.kinds import Kind
from schemas.frozen import Frozen

Vendor = Literal["standard", "hubspot", "gohighlevel", "pipedrive", "salesforce", "zoho"]
# It stands in an address, in a variable's name and in metrics.
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]

ONE_ACCOUNT = frozenset({"hubspot", "pipedrive"})  # their ids repeat from account to account
NO_ACCOUNTS = frozenset({"standard", "zoho"})  # their bodies name none
ORGANISATION_CHARACTERS = 18


class FieldSettings(Frozen):
    """One field of the vendor: the attribute it becomes, what its values are, and whether they are personal.

    What is not said is left to the field's name and its values.
    """

    name: str | None = Field(default=None, min_length=1, max_length=200)
    kind: Kind | None = None
    personal: bool | None = None


class SourceSettings(Frozen):
    """`record`: the vendor's kind of record that is a lead. `accounts`: whose records come in; empty is everyone's.

    `stage`, `owner` and `outcome` are names of attributes, `won` and `lost` words of an outcome or a stage.
    """

    vendor: Vendor
    record: str = ""
    accounts: tuple[str, ...] = ()
    fields: dict[str, FieldSettings] = Field(default_factory=dict)
    stage: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [canonical(field.name or name) for name, field in self.fields.items()]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"several fields become {', '.join(doubles)}")
        words = {word.casefold() for word in self.won} & {word.casefold() for word in self.lost}
        if words:
            raise ValueError(f"both won and lost: {', '.join(sorted(words))}")
        if self.accounts and self.vendor in NO_ACCOUNTS:
            raise ValueError(f"{self.vendor} names no accounts; leave `accounts` empty")
        if len(self.accounts) > 1 and self.vendor in ONE_ACCOUNT:
            raise ValueError(f"ids of {self.vendor} repeat from account to account; give each account its own source")
        if self.vendor == "salesforce" and any(len(one) != ORGANISATION_CHARACTERS for one in self.accounts):
            raise ValueError(f"an organisation's id has {ORGANISATION_CHARACTERS} characters in outbound messages")
        return self


def with_defaults(source: Any, vendors: Any) -> Any:
    """A source laid over what its vendor's sources have in common; fields one by one, lists as a whole."""
    if not isinstance(source, dict) or not isinstance(vendors, dict):
        return source
    below = vendors.get(source.get("vendor"), {})
    return {**below, **source, "fields": {**below.get("fields", {}), **source.get("fields", {})}}
