import pytest

from pipeline.redis_store.queue_depths import enqueued_at


@pytest.mark.parametrize("at", [b"1790000000.25", b"1790000000"])
def test_a_message_says_when_it_was_enqueued(at: bytes) -> None:
    assert enqueued_at(b'{"headers": {"enqueued_at": %b}}' % at) == float(at)


@pytest.mark.parametrize(
    "message",
    [
        b'{"headers": {}}',
        b"{}",
        b'{"headers": {"enqueued_at": null}}',
        b'{"headers": {"enqueued_at": "yesterday"}}',
        b'{"headers": {"enqueued_at": true}}',
        b'{"headers": ["enqueued_at"]}',
        b'{"headers": null}',
        b'["headers"]',
        b"no JSON",
        b"",
    ],
)
def test_a_message_that_does_not_say_it_is_of_unknown_age(message: bytes) -> None:
    assert enqueued_at(message) is None
