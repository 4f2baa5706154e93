"""Finds telephone numbers as people write them without a country: `0170 1234567`, `(0170) 1234567`, `49 170 1234567`.

What can be one is what https://pypi.org/project/phonenumbers knows of the numbers of each country.
"""

import re
from functools import lru_cache

# Countries in whose form a number without one is tried; the customers of the vendors come from these.
REGIONS = ("DE", "AT", "CH", "FR", "GB", "ES", "IT", "NL", "BE", "PL", "SE", "BR", "AU", "US", "IN")
FEWEST_DIGITS = 7
MOST_DIGITS = 15
# With a trunk zero, or grouped after a country code; plain digits alone are a number.
CANDIDATE = re.compile(
    r"(?<![\w.,+-])(?:"
    r"\(?0\d{0,5}\)?[ /.-]{0,3}\d(?:[ /.-]{0,3}\d){4,11}"
    r"|00[1-9](?:[ /.-]?\d){7,13}"
    r"|[1-9]\d{0,2}(?:[ /-]\(?\d{1,8}\)?){2,6}"
    r")(?![\w,]|\.\d)"
)
KEPT = 4096


def phone_within(text: str) -> str | None:
    """The first telephone number in a text, or None."""
    return next((found for match in CANDIDATE.finditer(text) if is_phone(found := match.group())), None)


@lru_cache(maxsize=KEPT)
def is_phone(text: str) -> bool:
    """Whether these digits are a telephone number somewhere."""
    digits = "".join(filter(str.isdecimal, text))
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
        return False
    if digits.startswith("00"):
        return _is_valid(f"+{digits[2:]}", None)
    if digits.startswith("0"):
        return any(_is_valid(digits, region) for region in REGIONS)
    return _is_valid(f"+{digits}", None)


def international(text: str, region: str) -> str:
    """The digits of a number with its country's code; a number that begins with a trunk zero is of the `region`."""
    import phonenumbers

    digits = "".join(filter(str.isdecimal, text))
    if not (digits.startswith("0") or "+" in text):
        return digits
    written = f"+{digits[2:]}" if digits.startswith("00") else text
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def _is_valid(text: str, region: str | None) -> bool:
    import phonenumbers  # some megabytes, for those who meet a number

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False
