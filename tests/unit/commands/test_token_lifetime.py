from datetime import timedelta

import pytest

from commands.token_lifetime import token_lifetime


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 12h ", timedelta(hours=12)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_lifetimes(text: str, length: timedelta) -> None:
    assert token_lifetime(text) == length


@pytest.mark.parametrize("text", ["", "12", "h", "0h", "-1h", "3651d", "1.5h", "9999999d", "12h30m"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(ValueError, match=r"for example 12h|between 1s and 3650d"):
        token_lifetime(text)
