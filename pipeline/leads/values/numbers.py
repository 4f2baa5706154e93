"""Reads a number however people write it: `$1.2M`, `1.250,50 €`, `50-100`, `10,000+`, `1,5 Mio.`, `12 %`."""

import re
from typing import Literal, NamedTuple

DecimalMark = Literal[".", ","]

LONGEST = 64  # characters
SYMBOLS = {
    "us$": "USD",
    "ca$": "CAD",
    "au$": "AUD",
    "nz$": "NZD",
    "hk$": "HKD",
    "a$": "AUD",
    "c$": "CAD",
    "r$": "BRL",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "zł": "PLN",
    "₺": "TRY",
    "₽": "RUB",
    "₩": "KRW",
}
# ISO 4217. Other groups of three capitals beside a number are no currency.
CODES = frozenset(
    """
    AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HRK HUF IDR ILS INR ISK JPY KES KRW KWD KZT MAD
    MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR
    """.split()
)
CURRENCY_NAMES = {
    **dict.fromkeys(("euro", "euros"), "EUR"),
    **dict.fromkeys(("us dollar", "us dollars", "dollar", "dollars"), "USD"),
    **dict.fromkeys(("pound", "pounds", "british pound", "pound sterling"), "GBP"),
    **dict.fromkeys(("swiss franc", "franken"), "CHF"),
    **dict.fromkeys(("yen", "japanese yen"), "JPY"),
    "indian rupee": "INR",
    "canadian dollar": "CAD",
    "australian dollar": "AUD",
}
MAGNITUDES = {
    1e3: "k tsd thousand thsd tausend mille",
    1e5: "lakh lac",
    1e6: "m mm mn mio mil million millions millionen millones milioni milhões",
    1e7: "crore cr",
    1e9: "b bn mrd mia billion milliard milliarde milliarden",
}
TIMES = {word: factor for factor, words in MAGNITUDES.items() for word in words.split()}
MONEY = "|".join([*map(re.escape, SYMBOLS), *sorted(CODES)])
AMOUNT = rf"""
    (?:(?P<before>(?<![A-Za-z]){MONEY})\s*)?
    (?P<sign>[-+−]?)\s*(?:(?P<inside>{MONEY})\s*)?
    (?P<digits>\d(?:[\d.,'’_]|[ \u00a0\u202f](?=\d))*\d|\d|[.,]\d+)
    (?:[eE](?P<exponent>[+-]?\d{{1,2}}))?
    (?:\s*(?P<times>{"|".join(sorted(TIMES, key=len, reverse=True))})\b\.?)?
    (?:\s*(?P<after>{MONEY})(?![A-Za-z]))?
    \s*(?P<percent>%?)
"""
FLAGS = re.VERBOSE | re.IGNORECASE
ONE = re.compile(AMOUNT, FLAGS)
UNNAMED = re.sub(r"\?P<\w+>", "?:", AMOUNT)
BETWEEN = re.compile(
    rf"(?P<low>{UNNAMED})\s*(?:-|–|—|\.\.\.?|…|\bto\b|\bbis\b|\band\b|\bund\b|\bà\b)\s*(?P<high>{UNNAMED})", FLAGS
)
FROM = re.compile(
    r"(?:>=?|≥|more\s+than|over|above|at\s+least|from|min\.?|mehr\s+als|über|ab|mindestens|plus\s+de)\s*(.+)"
    r"|(.+?)\s*(?:\+|\bor\s+more|\band\s+(?:more|above|over)|\bplus|\bund\s+mehr|\boder\s+mehr|\bet\s+plus)",
    re.IGNORECASE | re.DOTALL,
)
UP_TO = re.compile(
    r"(?:<=?|≤|less\s+than|under|below|up\s+to|max\.?|weniger\s+als|unter|bis(?:\s+zu)?|höchstens|moins\s+de)\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
ABOUT = re.compile(r"(?:~|≈|ca\.?|circa|about|approx\.?|around|etwa|env\.?)\s*", re.IGNORECASE)
IN_PARENTHESES = re.compile(r"\(([^()]+)\)")  # bookkeepers write a negative number so
SPACES = re.compile(r"[ \u00a0\u202f'’_]")
GROUPS = re.compile(r"\d{1,3}(?:[ \u00a0\u202f'’_]\d{3})+(?:[.,]\d*)?|[\d.,]+")
# One separator before three digits may be of thousands or of a fraction; a zero in front begins a fraction.
EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
THOUSANDS = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{2,3}})*{re.escape(mark)}\d{{3}}") for mark in ".,"}


class Number(NamedTuple):
    """`currency`: ISO 4217, where the text names one. `mark`: the decimal mark that the text shows, None if it shows
    none. `either`: whether it reads otherwise with the other decimal mark."""

    value: float
    currency: str | None = None
    mark: DecimalMark | None = None
    either: bool = False


def number_in(text: str, mark: DecimalMark | None = None) -> Number | None:
    """The number, or None. A range is its middle; an open one its end. `mark` decides what may be read in two ways."""
    if "." in text or "," in text:
        return _written(text, mark)
    try:
        return Number(float(text))
    except ValueError:
        return _written(text, mark)


def _written(text: str, mark: DecimalMark | None) -> Number | None:
    text = text.strip()
    if len(text) > LONGEST or not any(map(str.isdigit, text)):
        return None
    text = ABOUT.sub("", text, count=1)
    if found := _one(text, mark):
        return found
    if match := BETWEEN.fullmatch(text):
        return _middle(match["low"], match["high"], mark)
    if match := FROM.fullmatch(text) or UP_TO.fullmatch(text):
        return _one((match[1] or match[2]).strip(), mark)
    if match := IN_PARENTHESES.fullmatch(text):
        negative = _one(match[1].strip(), mark)
        return negative and negative._replace(value=-abs(negative.value))
    return None


def _middle(low_text: str, high_text: str, mark: DecimalMark | None) -> Number | None:
    high, low = _one(high_text.strip(), mark), _one(low_text.strip(), mark)
    if high is None or low is None:
        return None
    factor = _factor(high_text)
    if factor > 1 == _factor(low_text) and low.value * factor <= high.value:
        low = low._replace(value=low.value * factor)  # `5-10k`
    if low.value > high.value:
        return None  # `2026-11` is no range
    return Number(
        (low.value + high.value) / 2, low.currency or high.currency, low.mark or high.mark, low.either or high.either
    )


def _one(text: str, mark: DecimalMark | None) -> Number | None:
    match = ONE.fullmatch(text)
    if match is None or not GROUPS.fullmatch(match["digits"]):
        return None
    digits = _digits(SPACES.sub("", match["digits"]), mark)
    if digits is None:
        return None
    value, shown, either = digits
    value *= TIMES.get((match["times"] or "").casefold(), 1.0) * 10.0 ** int(match["exponent"] or 0)
    money = match["before"] or match["inside"] or match["after"]
    return Number(-value if match["sign"] in ("-", "−") else value, _currency(money), shown, either)


def currency_code(text: str) -> str:
    """The code of a currency by its code, sign or name, as `EUR (Euro)`; other texts as they are, in capitals."""
    plain = text.strip().casefold()
    named = SYMBOLS.get(plain) or CURRENCY_NAMES.get(plain)
    codes = [word for word in re.findall(r"\b[A-Z]{3}\b", text.upper()) if word in CODES]
    return named or (codes[0] if codes else text.strip().upper())


def _factor(text: str) -> float:
    match = ONE.fullmatch(text.strip())
    return TIMES.get((match["times"] or "").casefold(), 1.0) if match else 1.0


def _currency(text: str | None) -> str | None:
    return None if text is None else SYMBOLS.get(text.casefold(), text.upper())


def _digits(digits: str, mark: DecimalMark | None) -> tuple[float, DecimalMark | None, bool] | None:
    """The value, the decimal mark that the digits show, and whether they may be read in two ways."""
    dots, commas = digits.count("."), digits.count(",")
    if not dots and not commas:
        return float(digits), None, False
    if EITHER.fullmatch(digits):
        # Alone, a dot is of a fraction and a comma of thousands, as in English.
        shown: DecimalMark = mark or "."
        return _float(digits, shown), None, True
    if dots and commas:
        shown = "." if digits.rindex(".") > digits.rindex(",") else ","
        whole, _, _ = digits.rpartition(shown)
        other: DecimalMark = "," if shown == "." else "."
        if shown in whole or not THOUSANDS[other].fullmatch(whole):
            return None
        return _float(digits, shown), shown, False
    used: DecimalMark = "." if dots else ","
    if dots + commas > 1:
        return (_float(digits, _other(used)), _other(used), False) if THOUSANDS[used].fullmatch(digits) else None
    return _float(digits, used), used, False


def _other(mark: DecimalMark) -> DecimalMark:
    return "," if mark == "." else "."


def _float(digits: str, mark: DecimalMark) -> float:
    return float(digits.replace(_other(mark), "").replace(mark, "."))
