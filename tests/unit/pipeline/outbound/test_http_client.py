"""What Retry-After says, whichever way it says it."""

from datetime import UTC, datetime

import pytest

from pipeline.outbound.http_client import LONGEST_PAUSE_S, after

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("1e9", LONGEST_PAUSE_S),
        ("nan", None),
        ("Mon, 23 Nov 2026 00:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 00:01:00 -0000", 60),
        ("Sun, 22 Nov 2026 00:01:00 GMT", 0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(said: str | None, seconds: float | None) -> None:
    assert after(said, NOW) == seconds
