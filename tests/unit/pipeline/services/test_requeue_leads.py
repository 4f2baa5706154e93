"""How stranded leads are put into messages."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.services.requeue_leads import BATCH, batches
from pipeline.storage.scores.unscored import OverdueLead

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stranded(attempts: dict[int, int]) -> list[OverdueLead]:
    return [OverdueLead(lead_id, count, dead=False, error=None, since=NOW) for lead_id, count in attempts.items()]


@given(st.dictionaries(st.integers(1, 10_000), st.integers(1, 5), max_size=400))
def test_each_lead_is_in_one_message_and_none_is_too_long(attempts: dict[int, int]) -> None:
    made = list(batches(stranded(attempts)))
    assert sorted(lead for bundle in made for lead in bundle) == sorted(attempts)
    assert all(0 < len(bundle) <= BATCH for bundle in made)


@given(st.dictionaries(st.integers(1, 10_000), st.integers(1, 5), max_size=400))
def test_what_failed_before_goes_alone(attempts: dict[int, int]) -> None:
    for bundle in batches(stranded(attempts)):
        assert len(bundle) == 1 or {attempts[lead] for lead in bundle} == {1}


def test_what_was_lost_once_goes_together() -> None:
    made = list(batches(stranded(dict.fromkeys(range(BATCH + 1), 1))))
    assert [len(bundle) for bundle in made] == [BATCH, 1]
