"""Which attributes are personal: by what they are called, and by what is in them.

When in doubt a value is personal: it is sealed, not lost, and a source's `allow` list brings it back.
"""

import re
from collections.abc import Collection

from pipeline.attributes import canonical
from schemas.score import Value

PERSONAL_WORDS = frozenset(
    "email mail phone mobile cell telephone tel fax whatsapp address street zip zipcode postcode postal "
    "birthday birthdate dob firstname lastname surname fullname forename nickname maiden passport ssn iban ip "
    "salutation".split()
)
PERSONAL_PHRASES = re.compile(
    r"(?:^|_)(?:first|last|full|middle|given|family|contact|person|client|customer|lead|spouse|user)_name(?:_|$)"
    r"|(?:^|_)(?:date_of_birth|birth_date|birth|e_mail|credit_card|card_number|social_security|tax_id)(?:_|$)"
    r"|^name$|^contact$"
)
ANSWERS = frozenset({"yes", "no", "true", "false", "y", "n", "0", "1", "on", "off"})
EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.[^\s@<>()\[\],;:\"]{2,}")
# With a + anywhere in a text; or the whole text, in groups. Plain digits are a number, not a telephone.
PHONE = re.compile(r"\+\d[\d ()./-]{6,}\d|^\s*\(?\d{2,4}\)?(?:[ ./-]\(?\d{2,5}\)?){2,5}\s*$")
DATE = re.compile(r"^\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
FEWEST_PHONE_DIGITS = 7
MOST_PHONE_DIGITS = 15


def is_personal(name: str, value: Value, allowed: Collection[str] = ()) -> bool:
    """`allowed` names are never personal, whatever is in them."""
    if value is None or isinstance(value, bool) or name in allowed:
        return False
    if isinstance(value, str):
        return looks_personal(value) or (value.strip().casefold() not in ANSWERS and has_personal_name(name))
    # A count of e-mails is not an e-mail; a long number under `phone` is a telephone number.
    return abs(value) >= 10 ** (FEWEST_PHONE_DIGITS - 1) and has_personal_name(name)


def has_personal_name(name: str) -> bool:
    plain = canonical(name)
    return not PERSONAL_WORDS.isdisjoint(plain.split("_")) or PERSONAL_PHRASES.search(plain) is not None


def looks_personal(text: str) -> bool:
    """An e-mail address anywhere in it, or a telephone number."""
    if "@" in text and EMAIL.search(text):
        return True
    return _has_phone(text)


def _has_phone(text: str) -> bool:
    if DATE.match(text):
        return False
    found = PHONE.search(text)
    return found is not None and FEWEST_PHONE_DIGITS <= _digits(found.group()) <= MOST_PHONE_DIGITS


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)
