"""From which pages a socket may come."""

import pytest

from workers.relay.admission import origin_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "crm.example", True),
        ("https://crm.example", "crm.example", True),
        ("http://crm.example:8000", "crm.example:8000", True),
        ("HTTP://CRM.example", "crm.EXAMPLE", True),
        ("https://listed.example", "crm.example", True),
        ("https://listed.example.evil.example", "crm.example", False),
        ("https://crm.example:444", "crm.example", False),
        ("https://evil.example", "crm.example", False),
        ("https://crm.example@evil.example", "crm.example", False),
        ("null", "crm.example", False),
        ("", "crm.example", False),
        ("http://[", "crm.example", False),
        ("file://", "", False),
        ("https://", None, False),
    ],
)
def test_own_and_listed_origins_alone(origin: str | None, host: str | None, allowed: bool) -> None:
    assert origin_allowed(origin, host, ["https://listed.example"]) is allowed
