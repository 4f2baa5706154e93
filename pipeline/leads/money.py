"""Converts amounts of money to one currency, in which they are compared."""

from collections.abc import Collection, Mapping, MutableMapping
from typing import NamedTuple

from pipeline.leads.values.numbers import currency_code, number_in
from pipeline.leads.values.reader import Doubt, Reading
from schemas.score import Value

# Behind an amount as it was told, so that nobody takes it for a number: a score counts it as not known.
NO_RATE = " (no rate)"
CURRENCY = "currency"  # the attribute that tells in what a lead's amounts are


class Rates(NamedTuple):
    """`rates`: what a unit of another currency is worth in `code`. `amounts`: the attributes that are money."""

    code: str = ""
    rates: Mapping[str, float] = {}
    amounts: Collection[str] = ()

    def converted(self, reading: Reading, told: Value) -> Reading:
        """An amount whose own text names its currency, in `code`; as it was told, with a doubt, if that has no rate."""
        factor = self._factor(reading.currency)
        if factor is None or not isinstance(reading.value, int | float):
            return Reading(f"{told}{NO_RATE}", Doubt.NOT_COMPARABLE, reading.currency)
        return Reading(_rounded(reading.value * factor), reading.doubt, reading.currency)

    def settle(
        self,
        attributes: MutableMapping[str, Value],
        raw: MutableMapping[str, Value],
        *,
        before: Value = None,
        told: Collection[str] | None = None,
    ) -> None:
        """Converts the amounts of a lead whose currency is an attribute of its own.

        `before`: the currency in which the lead's amounts were until now. `told`: the attributes that have just come,
        in the currency of now; None is all.
        """
        now = attributes.get(CURRENCY)
        if before is None and now is None:
            return
        for name in self.amounts:
            amount = attributes.get(name)
            if amount is None or isinstance(amount, bool) or _names_currency(raw.get(name)):
                continue
            came = told is None or name in told
            if came or before != now:
                plain = amount if came else self._unconverted(amount, before)
                attributes[name] = self._in_code(plain, now)
                if attributes[name] != plain:
                    raw.setdefault(name, plain)

    def incomparable(self, attributes: Mapping[str, Value]) -> list[str]:
        """The amounts of a lead whose currency has no rate."""
        if CURRENCY not in attributes:
            return []
        return [name for name in self.amounts if isinstance(attributes.get(name), str)]

    def _factor(self, currency: Value) -> float | None:
        code = self.code if currency is None else currency_code(str(currency))
        return 1.0 if code == self.code else self.rates.get(code)

    def _unconverted(self, amount: Value, currency: Value) -> Value:
        if isinstance(amount, str):
            number = number_in(amount.removesuffix(NO_RATE))
            return number.value if number else amount
        return amount if amount is None else amount / (self._factor(currency) or 1.0)

    def _in_code(self, amount: Value, currency: Value) -> Value:
        if not isinstance(amount, int | float):
            return amount
        factor = self._factor(currency)
        return f"{amount:.15g} {currency}{NO_RATE}" if factor is None else _rounded(amount * factor)


def _names_currency(told: Value) -> bool:
    number = number_in(told) if isinstance(told, str) else None
    return number is not None and number.currency is not None


def _rounded(amount: float) -> int | float:
    amount = round(amount, 2)
    return int(amount) if float(amount).is_integer() else amount
