"""A CRM whose leads are won or lost by a hidden rule, some days after they arrived and were worked on.

Its clock runs faster than ours, so that a run of a minute covers months.
"""

import heapq
from datetime import datetime, timedelta
from itertools import count
from math import exp
from random import Random
from typing import NamedTuple

import numpy as np

from pipeline.monitoring.accuracy import roc_auc
from schemas.score import Value
from workers.simulator.hidden_rule import FLAGS, NUMBERS, WORDS, HiddenRule
from workers.simulator.notice import Notice

DAYS = 90.0  # that a run covers
DAYS_TO_WORK = 3.0
DAYS_TO_END = 12.0  # on average, after that
WORKED_ON = 0.6
UNKNOWN = 0.1  # of the values of a lead
COLOURS = ("red", "green", "blue", "yellow")  # without influence on the outcome


class SimulatedLead(NamedTuple):
    """The leads with an outcome, and the ROC-AUC of the rule that decided it, which no model can beat but by chance.

    It is None if there was only one outcome.
    """

    won: int
    lost: int
    roc_auc: float | None


class DecidedCrm:
    """`webhooks`: how many times `next` will be asked, which spreads them over the days until `now`."""

    def __init__(self, seed: int, *, webhooks: int, days: float, now: datetime) -> None:
        self.rule = HiddenRule(seed)
        self._chance = Random(seed + 1)  # noqa: S311 - nothing secret
        self._prefix = f"out-{seed & 0xFFFFFF:x}"
        self._numbers = count(1)
        self._step = timedelta(days=days) / webhooks
        self._clock = now - timedelta(days=days)
        self._due: list[tuple[datetime, int, Notice]] = []
        self._told: list[tuple[float, bool]] = []
        self._logits: dict[str, float] = {}

    def next(self) -> Notice:
        """The next notice: what is due, or else a new lead."""
        self._clock += self._step
        if not self._due or self._due[0][0] > self._clock:
            return self._created()
        _, _, notice = heapq.heappop(self._due)
        if "outcome" in notice.lead:
            self._told.append((self._logits.pop(str(notice.lead["id"])), notice.lead["outcome"] == "won"))
        return notice

    def decided(self) -> SimulatedLead:
        logits, won = np.array([logit for logit, _ in self._told]), np.array([is_won for _, is_won in self._told], bool)
        wins = int(won.sum())
        both = 0 < wins < len(won)
        return SimulatedLead(wins, len(won) - wins, roc_auc(logits, won) if both else None)

    def _created(self) -> Notice:
        chance = self._chance
        lead_id = f"{self._prefix}-{next(self._numbers)}"
        attributes = self._first_attributes()
        logit = self._logits[lead_id] = self.rule.logit(attributes)
        won = chance.random() < 1 / (1 + exp(-logit))
        worked_on = self._clock + timedelta(days=chance.expovariate(1 / DAYS_TO_WORK))
        if chance.random() < WORKED_ON:
            self._later("lead.updated", worked_on, {"id": lead_id, "stage": "talks", **self._work(won)})
        ended = worked_on + timedelta(days=chance.expovariate(1 / DAYS_TO_END))
        self._later("lead.updated", ended, {"id": lead_id, **self._end(won)})
        return Notice("lead.created", self._clock, {"id": lead_id, "stage": "new", **attributes})

    def _first_attributes(self) -> dict[str, Value]:
        chance = self._chance
        attributes: dict[str, Value] = {name: chance.choice(words) for name, words in WORDS.items()}
        attributes |= {name: round(chance.lognormvariate(middle, spread)) for name, (middle, spread) in NUMBERS.items()}
        attributes |= {name: chance.random() < 0.3 for name in FLAGS}
        attributes["favourite_colour"] = chance.choice(COLOURS)
        return {name: value for name, value in attributes.items() if name in FLAGS or chance.random() >= UNKNOWN}

    def _work(self, won: bool) -> dict[str, Value]:
        """What staff and customer do before the end; it hints at the outcome, and is not known early."""
        return {"visits": self._chance.randint(30, 60) if won else self._chance.randint(1, 5), "meetings": 1 + 2 * won}

    def _end(self, won: bool) -> dict[str, Value]:
        if won:
            return {"outcome": "won", "contract_value": self._chance.randint(1, 90) * 1000}
        return {"outcome": "lost", "lost_reason": self._chance.choice(("price", "silence", "another vendor"))}

    def _later(self, kind: str, at: datetime, lead: dict[str, Value]) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), Notice(kind, at, lead)))
