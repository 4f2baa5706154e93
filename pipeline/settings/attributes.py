"""The settings of well-known attributes, and of the currency in which amounts are compared."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from pipeline.leads.values.reader import ValueKind
from schemas.frozen import Frozen

Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]  # ISO 4217


class AttributeSettings(Frozen):
    """`aliases`: names of fields that become this attribute, the better ones first. `means`: words that are values
    here, although elsewhere they stand for none."""

    kind: ValueKind | None = None
    aliases: tuple[str, ...] = ()
    means: tuple[str, ...] = ()

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word.casefold() for word in self.means)


class CurrencySettings(Frozen):
    """Amounts are converted to `code`. `rates`: what one unit of another currency was worth in it on `as_of`."""

    code: Currency
    as_of: date
    rates: dict[Currency, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
