from datetime import UTC, datetime

from commands.dead_letter_table import summary, text
from schemas.dead_letter import DeadLetter, DeadLetterResolution


def test_a_dead_letter_is_a_line() -> None:
    at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    row = DeadLetter(
        id="7",
        queue="scoring",
        task="scoring.score_leads",
        arguments={"lead_id": "42"},
        error="GiveUp: no\n  File x",
        attempts=5,
        first_at=at,
        last_at=at,
    )
    [head, line, *_] = text([row]).splitlines()
    assert line.split() == ["7", "2026-11-22", "09:30", "5", "scoring.score_leads", "lead_id=42", "GiveUp:", "no"]
    assert line.index("scoring") == head.index("task")
    assert text([]) == "no dead letters"


def test_outcomes_are_counted() -> None:
    settled = [DeadLetterResolution(id=str(n), outcome="settled" if n else "enqueued") for n in range(3)]
    assert summary(settled) == "1 enqueued, 2 settled"
    assert summary([]) == "no dead letters"
