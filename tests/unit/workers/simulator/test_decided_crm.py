"""Leads that end by a hidden rule: told early, decided later, and the rule's own quality is known."""

from datetime import UTC, datetime, timedelta

import pytest
from sklearn.metrics import roc_auc_score

from workers.simulator.decided_crm import DecidedCrm, SimulatedLead
from workers.simulator.notice import Notice

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WEBHOOKS = 4000


def run(seed: int) -> tuple[DecidedCrm, list[Notice]]:
    crm = DecidedCrm(seed, webhooks=WEBHOOKS, days=90, now=NOW)
    return crm, [crm.next() for _ in range(WEBHOOKS)]


def test_the_same_seed_tells_the_same_story() -> None:
    assert run(1)[1] == run(1)[1]
    assert run(1)[1] != run(2)[1]


def test_leads_arrive_are_worked_on_and_end_in_order_of_time() -> None:
    _, notices = run(1)
    steps: dict[object, list[Notice]] = {}
    for notice in notices:
        steps.setdefault(notice.lead["id"], []).append(notice)
    for life in steps.values():
        assert [notice.type for notice in life] == ["lead.created"] + ["lead.updated"] * (len(life) - 1)
        assert len(life) <= 3
        assert not any("outcome" in notice.lead for notice in life[:-1])
        assert [notice.at for notice in life] == sorted(notice.at for notice in life)
    moments = [notice.at for notice in notices]
    assert NOW - timedelta(days=90) < min(moments) < NOW - timedelta(days=89)
    assert NOW - timedelta(days=1) < max(moments) <= NOW


def test_outcomes_follow_the_rule_and_nothing_else_that_is_told_first() -> None:
    crm, notices = run(3)
    first = {notice.lead["id"]: notice.lead for notice in notices if notice.type == "lead.created"}
    ended = [notice.lead for notice in notices if "outcome" in notice.lead]
    won = [lead["outcome"] == "won" for lead in ended]
    decided = crm.decided()
    assert (decided.won, decided.lost) == (sum(won), len(won) - sum(won))
    assert decided.roc_auc == pytest.approx(roc_auc_score(won, [crm.rule.logit(first[lead["id"]]) for lead in ended]))
    assert 0.7 < decided.roc_auc < 0.95
    colour = roc_auc_score(won, [first[lead["id"]].get("favourite_colour") == "red" for lead in ended])
    assert colour == pytest.approx(0.5, abs=0.04)


def test_of_one_outcome_alone_there_is_no_figure() -> None:
    crm = DecidedCrm(1, webhooks=20, days=90, now=NOW)
    assert crm.decided() == SimulatedLead(0, 0, None)
    while sum(crm.decided()[:2]) < 1:
        crm.next()
    assert crm.decided().roc_auc is None
