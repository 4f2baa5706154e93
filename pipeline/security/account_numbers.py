"""Finds numbers of bank accounts and cards, which their own check digits tell from other numbers."""

import re

IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30})(?![A-Za-z0-9])", re.IGNORECASE | re.ASCII)
# By the first digits of the large schemes and their lengths: of other numbers one in ten has a fitting check digit.
CARD = re.compile(
    r"(?<![\w.-])(?:(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:[ -]?\d{4}){3}"
    r"|3[47]\d\d[ -]?\d{6}[ -]?\d{5})(?![\w.-])"
)
ENOUGH_DIGITS = re.compile(r"(?:\d[^\d]{0,4}){10}")


def holds_account_number(text: str) -> bool:
    """Whether the text holds an IBAN or the number of a card."""
    if ENOUGH_DIGITS.search(text) is None:
        return False
    return any(map(_is_iban, IBAN.findall(text))) or any(map(_is_card, CARD.findall(text)))


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """By the check digit of Luhn."""
    digits = [int(digit) for digit in text if digit.isdecimal()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
