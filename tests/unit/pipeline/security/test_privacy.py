"""What is personal, by name and by value; a table of both sides."""

import time

import pytest

from pipeline.security.privacy import email_in, is_personal, looks_personal, phone_in
from schemas.score import Value

PERSONAL: list[tuple[str, Value]] = [
    *((name, "Ada") for name in ("fname", "lname", "name.first", "Name (first)", "contacts.0.name", "buyer_name")),
    *((name, "Main") for name in ("Vorname", "username", "streetaddress", "dateofbirth")),
    *((name, "a b") for name in ("mobilephone", "phone1", "phones", "emailaddress", "Email2", "emails")),
    ("notes", "ring 0151 23456789"),
    ("notes", "call 5551234567"),
    ("email", "ann@example.com"),
    ("E-Mail", "not even an address"),
    ("workEmail", "ann"),
    ("note", "write to ann.smith+crm@mail.example.co.uk, please"),
    ("note", "<ann@example.com>"),
    ("emails", "a@example.com, b@example.com"),
    ("comment", "call +44 7700 900123 after six"),
    ("comment", "2026-11-20 called +44 7700 900123"),
    ("comment", "call 555-123-4567 or (555) 123-4567"),
    ("anything", "(030) 1234 5678"),
    ("anything", "555.123.4567"),
    ("phone", 15551234567),
    ("phone", "15551234567"),
    ("Mobile Number", "0151 23456789"),
    ("name", "Ann Smith"),
    ("First Name", "Ann"),
    ("lastName", "Smith"),
    ("contact.full_name", "Ann Smith"),
    ("spouse_name", "Bo"),
    ("street", "1 Main Street"),
    ("billing_address", "1 Main Street"),
    ("address.zip", "90210"),
    ("zip", 90210),
    ("postcode", "SW1A 1AA"),
    ("birthday", "1980-02-29"),
    ("birth_year", 1980),
    ("date_of_birth", "29.02.1980"),
    ("dob", 19800229),
    ("ip_address", "192.168.0.1"),
    ("passport_no", "C01X00T47"),
    ("tax_id", "12/345/67890"),
    ("credit card", "4111 1111"),
    *(
        (name, "Ada Roe")
        for name in ("contact_person", "first", "last", "customer", "Ansprechpartner", "Prénom", "apellidos", "Nom")
    ),
    *((name, "Elm 5") for name in ("anschrift", "location", "Adresse", "dirección", "indirizzo", "Straße")),
    *((name, "1980-02-29") for name in ("geburtsdatum", "born", "naissance")),
    ("linkedin_url", "https://linkedin.example/in/ann"),
    *(
        ("notes", text)
        for text in ("0170 1234567", "(0170) 1234567", "49 170 1234567", "0170/1234567", "0043 664 1234567")
    ),
    ("custom", "06 12 34 56 78"),
    ("custom", "tel. 020 7946 0000, mornings"),
    ("custom", "4111 1111 1111 1111"),
    ("custom", "4111111111111111"),
    ("custom", "DE89 3704 0044 0532 0130 00"),
    ("custom", "GB82WEST12345698765432"),
    ("custom", '"a b"@x.example'),
    ("order_notes", "Please call +49 170 1234567"),
    ("price_question", "tel 415-555-2671"),
    ("value", "+49 170 1234567"),
    ("LinkedIn URL", "in/ann"),
    ("WhatsApp Number", "12 34"),
    ("PostCode", "SW1A"),
    ("PRÉNOM", "Ann"),
    ("Pre\u0301nom", "Ann"),
    ("custom", "33 6 12 34 56 78"),
    ("custom", "Tel: 030 / 123 456 78"),
    ("plz", "10115"),
]

HARMLESS: list[tuple[str, Value]] = [
    ("campaign_name", "Spring"),
    ("notes", "in 2025 for 150000"),
    ("email", None),
    ("email", True),
    ("Do Not Email", "Yes"),
    ("do_not_call", "No"),
    ("email_opens", 3),
    ("email_opens", "3"),
    ("emails_opened", "12.0"),
    ("email_clicks", 0),
    ("phone_calls", "5"),
    ("mail_campaigns", 999_999),
    ("budget", 15551234567),
    ("budget", "15551234567"),
    ("budget", "1,250,000.50"),
    ("budget", "$ 250 000"),
    ("company_name", "Example Ltd"),
    ("campaign_name", "Spring"),
    ("product", "iPhone 15"),
    ("created", "2026-11-22"),
    ("created", "2026-11-22T10:00:00+01:00"),
    ("created", "2026-11-22 10:00:00.123456+0100"),
    ("created", "22.11.2026"),
    ("created", "11/22/2026"),
    ("created", "2026-11-22 10"),
    ("note", "meet @ noon"),
    ("note", "3 visits, 12 page views in 2026"),
    ("opening", "09:00-17:00"),
    ("size", "1000-5000"),
    ("tipping", "yes"),  # ip, zip and tel are words, not parts of words
    ("zipper", "steel"),
    ("hotel", "Grand"),
    ("emoji", "🎉"),
    ("city", "Berlin"),
    ("budget", "12.500.000"),
    ("anything", "12.500.000"),
    ("anything", "250 000 000"),
    ("anything", "250.000 - 500.000"),
    ("anything", "1.000.000,00 EUR"),
    ("campaign_id", "0170 1234567"),
    ("campaign", "2026-1123-4456"),
    ("order_no", "4111 1111 1111 1112"),
    ("tags", "2024 2025 2026 2027"),
    ("range", "10 000-20 000"),
    ("created", "24.11.2026 10:00"),
    ("created", "20261124101500"),
    ("utm_term", "summer 2026 sale 50"),
    ("first_visit", "2026-11-22"),
    ("customer_type", "new"),
    ("last_activity", "2026-11-22"),
    ("contact_owner_team", "North"),
    ("location_id", "5"),
    ("anything", "01.12.2026"),
    ("anything", "01.12.2026 10:15"),
    ("anything", "11/20/2026"),
    ("anything", "Termin am 01.12.2026"),
    ("record_id", "4150868000000225011"),
    ("deal_id", "4111111111111111"),
    ("market_cap", "1,200,000"),
    ("custom", "DE89 3704 0044 0532 0130 0\u212a"),  # the sign of kelvin is no letter of an IBAN
    ("nombre_empresa", "Acme"),
    ("Firmenname", "Acme"),
    ("version", "1.2.3.4567890"),
    ("reference", "AB12 3456 7890 1234 5678"),
]


@pytest.mark.parametrize(("name", "value"), PERSONAL)
def test_personal(name: str, value: Value) -> None:
    assert is_personal(name, value)


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_harmless(name: str, value: Value) -> None:
    assert not is_personal(name, value)


@pytest.mark.parametrize(
    ("identifier", "personal"),
    [
        ("ann@example.com", True),
        ("+44 7700 900123", True),
        ("00Q5e00001abcDEFGH", False),
        ("660737", False),
        ("7927b2df-8bba-4d29-b9a2-b6e0beafc093", False),
        ("2024-11-22", False),
    ],
)
def test_an_identifier_may_be_personal(identifier: str, personal: bool) -> None:
    assert looks_personal(identifier) is personal


@pytest.mark.parametrize("text", ["a" * 9_999 + "@", "a@" + "b" * 9_998, "a@b." * 2_500, "12 " * 3_333, "+1" * 5_000])
def test_no_text_takes_long(text: str) -> None:
    """A megabyte of such values must not hold up the door: 250 ms each would be half a minute."""
    began = time.process_time()
    looks_personal(text)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("details", "number"),
    [
        ({"first_name": "Ann", "Mobile Phone": "0170 1234567"}, "0170 1234567"),
        ({"tel": 491701234567}, "491701234567"),
        ({"whatsapp": "+49 170 1234567", "fax": "+49 30 99999999"}, "+49 170 1234567"),
        ({"phone": "ask her", "note": "call +44 7700 900123 after six"}, "+44 7700 900123"),
        ({"telefon": True, "street": "Elm 5"}, None),
    ],
)
def test_the_number_by_which_a_lead_is_found(details: dict[str, Value], number: str | None) -> None:
    assert phone_in(details) == number


def test_the_address_by_which_a_lead_is_found() -> None:
    assert email_in({"name": "Ann", "id": 7, "note": "write to ann@example.com, please"}) == "ann@example.com"
    assert email_in({"name": "Ann"}) is None
