from datetime import UTC, datetime, timedelta

from pipeline.security.privacy import is_personal
from workers.simulator.invented_crm import HISTORY_DAYS, InventedCrm

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PERSONAL = {"first_name", "last_name", "email", "phone"}


def test_the_same_seed_and_times_make_the_same_notices() -> None:
    assert [InventedCrm(4).next(NOW) for _ in range(50)] == [InventedCrm(4).next(NOW) for _ in range(50)]
    first, second = InventedCrm(4), InventedCrm(4)
    assert [first.next(NOW) for _ in range(500)] == [second.next(NOW) for _ in range(500)]
    assert InventedCrm(4).next(NOW) != InventedCrm(5).next(NOW)


def test_history_is_as_many_leads_of_the_past() -> None:
    notices = list(InventedCrm(1).history(400, NOW))
    assert len({notice.lead["id"] for notice in notices}) == 400
    assert all(NOW - timedelta(days=HISTORY_DAYS) <= notice.at <= NOW for notice in notices)
    assert {notice.lead.get("outcome") for notice in notices} == {None, "won", "lost"}


def test_a_lead_that_has_ended_is_heard_of_no_more() -> None:
    crm = InventedCrm(2)
    ended: set[object] = set()
    for _ in range(3000):
        lead = crm.next(NOW).lead
        assert lead["id"] not in ended
        if "outcome" in lead:
            ended.add(lead["id"])
    assert len(ended) > 100


def test_only_what_should_be_personal_is() -> None:
    crm = InventedCrm(3)
    found = {name for _ in range(1000) for name, value in crm.next(NOW).lead.items() if is_personal(name, value)}
    assert found == PERSONAL
