"""Decides which attributes are personal, by their names and by their values.

When in doubt a value is personal: it is sealed, not lost, and `personal: false` for a source's field brings it back.
`is_personal` looks at name and value together; `looks_personal` at a text alone. Ids are told apart by the latter, so
it never changes: an id that became a pseudonym would be another lead.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain

from pipeline.leads.attributes import canonical
from pipeline.leads.values.numbers import number_in
from pipeline.security.account_numbers import holds_account_number
from pipeline.security.phones import phone_within
from schemas.score import Value

PERSONAL_WORDS = frozenset(
    "email mail phone mobile cell telephone tel fax whatsapp address street zip zipcode postcode postal "
    "birthday birthdate born dob firstname lastname surname fullname forename nickname maiden passport ssn iban ip "
    "salutation fname lname addr username linkedin xing skype "
    "vorname nachname familienname strasse straße adresse anschrift hausnummer plz ansprechpartner ansprechpartnerin "
    "kundenname "
    "kontaktperson geburtsdatum geburtstag geboren anrede handy handynummer mobil mobilnummer rufnummer telefonnummer "
    "prenom prénom courriel telephone téléphone portable naissance rue civilite civilité "
    "apellido apellidos domicilio dni correo telefono teléfono movil móvil direccion dirección calle nacimiento "
    "cognome indirizzo cellulare nascita achternaam voornaam straat adres geboortedatum "
    "sobrenome endereco endereço nascimento imie imię nazwisko pesel ulica efternamn fornamn förnamn gatuadress".split()
)
# As a whole name only: part of another they say something else, as in `first_visit`.
PERSONAL_NAMES = frozenset("first last given middle customer client person contact_person location kontakt".split())
# Also within a word, because vendors write `mobilephone`, `emailaddress` and `phone1`.
PERSONAL_STEMS = ("phone", "email", "telefon", "birth", "streetaddress", "postaladdress")
# The same of names that are cut in the middle: `LinkedIn` is `linked_in`.
JOINED_STEMS = ("linkedin", "whatsapp", "postcode")
NAME_WORDS = frozenset({"name", "names", "nom", "nome", "nombre", "naam"})
PHONES = ("phone", "telefon", "mobile", "cell", "tel", "whatsapp")  # parts of a name under which a number is called
# A name of one of these is not a person's name.
THINGS = frozenset(
    "company campaign product event form list page brand project property business organization organisation account "
    "plan domain file utm city country region state team owner stage pipeline deal course school industry source "
    "medium channel template model feature workflow segment group job function department "
    "entreprise société societe empresa firma unternehmen azienda bedrijf produit producto prodotto produkt "
    "employes employés empleados visites kampagne campagne".split()
)
PERSONAL_PHRASES = re.compile(
    r"(?:^|_)(?:date_of_birth|birth_date|birth|e_mail|credit_card|card_number|social_security|tax_id)(?:_|$)"
    r"|^contact$"
)
# Numbers under these names are no telephone numbers, unless the name says so itself.
NUMBERS = frozenset(
    "id ids uuid code sku ean isbn campaign order invoice article product budget price amount value revenue cost total "
    "size count score date range version tags quantity salary umsatz preis betrag bestellung rechnung kampagne".split()
)
# Under these names even a short number identifies a person.
NUMBERED_WORDS = frozenset(
    "zip zipcode postcode postal birthday birthdate birth dob ssn passport iban "
    "plz hausnummer geburtsdatum pesel dni".split()
)
ANSWERS = frozenset({"yes", "no", "true", "false", "y", "n", "0", "1", "on", "off"})
COUNT = re.compile(r"\d{1,6}(?:\.\d*)?")
# Bounded by the longest there are (RFC 5321), so that a long text takes no quadratic time.
EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,253}\.[^\s@<>()\[\],;:\"]{2,}")
QUOTED_EMAIL = re.compile(r"\"[^\"\n]{1,64}\"@[^\s@<>()\[\],;:\"]{1,253}\.[^\s@<>()\[\],;:\"]{2,}")
# With a + or in North American groups anywhere in a text; in other groups as the whole text. Plain digits are a number.
PHONE_WITHIN = re.compile(
    r"\+\d[\d ()./-]{6,}\d|(?<![\w.-])\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"
    r"|(?<=[^\W\d] )0\d{2,5}[ /-]?\d{4,9}\b|(?<=[^\W\d] )\d{10,11}\b"  # after a word, as people note them
)
PHONE_ALONE = re.compile(r"\s*\(?\d{2,4}\)?(?:[ ./-]\(?\d{2,5}\)?){2,5}\s*")
DATE = re.compile(r"\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
DATE_WITHIN = re.compile(r"(?<![\d./-])\d{1,4}([./-])\d{1,2}\1\d{1,4}(?:[ T,]+\d{1,2}:\d{2}(?::\d{2})?)?(?![./-]?\d)")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
FEWEST_PHONE_DIGITS = 7
LONGEST_WITH_NUMBERS = 2000  # characters; of longer texts only the plainer forms are searched
MANY_DIGITS = re.compile(rf"(?:\d\D*){{{FEWEST_PHONE_DIGITS}}}")
MOST_PHONE_DIGITS = 15


def is_personal(name: str, value: Value) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if not isinstance(value, str):
        # A count of e-mails is not an e-mail; a long number under `phone` is a telephone number.
        long = abs(value) >= 10 ** (FEWEST_PHONE_DIGITS - 1)
        return has_personal_name(name) if long else _has_word(name, NUMBERED_WORDS)
    text = value.strip()
    if COUNT.fullmatch(text):
        return _has_word(name, NUMBERED_WORDS) or looks_personal(value)
    return (has_personal_name(name) and text.casefold() not in ANSWERS) or _holds_personal(name, text)


def _holds_personal(name: str, text: str) -> bool:
    """Whether a value holds an address, or the number of a telephone, an account or a card."""
    if "@" in text and (EMAIL.search(text) or QUOTED_EMAIL.search(text)):
        return True
    # Most texts have too few digits, and this runs for every value of every lead.
    if len(text) < FEWEST_PHONE_DIGITS or MANY_DIGITS.search(text) is None or MOMENT.fullmatch(text):
        return False
    if len(text) > LONGEST_WITH_NUMBERS:
        return looks_personal(text)
    if holds_account_number(text) and not (text.isdecimal() and _has_word(name, NUMBERS)):
        return True
    if not (looks_personal(text) or phone_within(DATE_WITHIN.sub(" ", text))):
        return False
    if "+" in text:
        return True
    # A grouped number, a range of prices or an identifier is no telephone number; a sentence may hold one all the same.
    number = number_in(text) is not None and text[0] not in "0("
    return not (number or (_has_word(name, NUMBERS) and not any(map(str.isalpha, text))))


@lru_cache(maxsize=8192)
def has_personal_name(name: str) -> bool:
    plain = canonical(name).replace(".", "_")
    words = {word.rstrip("0123456789") for word in plain.split("_")}
    return (
        plain in PERSONAL_NAMES
        or not PERSONAL_WORDS.isdisjoint(words)
        or (not words.isdisjoint(NAME_WORDS) and THINGS.isdisjoint(words))
        or any(stem in plain.replace("_", "") for stem in JOINED_STEMS)
        or any(stem in word for word in words for stem in PERSONAL_STEMS)
        or PERSONAL_PHRASES.search(plain) is not None
    )


def looks_personal(text: str) -> bool:
    """Whether the text contains an e-mail address or a telephone number."""
    if "@" in text and EMAIL.search(text):
        return True
    # Most texts have too few digits, and this runs for every value of every lead.
    if MANY_DIGITS.search(text) is None:
        return False
    if any(_is_phone(match.group()) for match in PHONE_WITHIN.finditer(text)):
        return True
    return PHONE_ALONE.fullmatch(text) is not None and _is_phone(text) and not DATE.match(text)


def email_in(details: Mapping[str, Value]) -> str | None:
    """The first e-mail address in a lead's details."""
    texts = (value for value in details.values() if isinstance(value, str) and "@" in value)
    return next((match.group() for text in texts if (match := EMAIL.search(text))), None)


def phone_in(details: Mapping[str, Value]) -> str | None:
    """The first telephone number in a lead's details: by the name of a detail, or else by its value."""
    called = (str(value) for name, value in details.items() if _is_called_phone(name) and _is_detail(value))
    written = (
        match.group() for value in details.values() if _is_detail(value) for match in PHONE_WITHIN.finditer(str(value))
    )
    national = (found for value in details.values() if _is_detail(value) and (found := phone_within(str(value))))
    return next((text for text in chain(called, written, national) if _is_phone(text)), None)


def _is_detail(value: Value) -> bool:
    return value is not None and not isinstance(value, bool)


@lru_cache(maxsize=8192)
def _is_called_phone(name: str) -> bool:
    return any(part in canonical(name) for part in PHONES)


@lru_cache(maxsize=8192)
def _has_word(name: str, words: frozenset[str]) -> bool:
    return not words.isdisjoint(canonical(name).replace(".", "_").split("_"))


def _is_phone(text: str) -> bool:
    return FEWEST_PHONE_DIGITS <= sum(map(str.isdigit, text)) <= MOST_PHONE_DIGITS
