"""Invented leads whose outcome follows a known rule, so that what is learned can be held against it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from schemas.example import Example, Split
from schemas.model_card import Window
from schemas.score import Value

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = ("referral", "ads", "list", "Select")
PULL = {"referral": 1.2, "ads": -0.2, "list": -1.5, "Select": 0.0}


def examples(count: int, seed: int = 1) -> list[Example]:
    """Oldest first, an hour apart."""
    return [Example(n, lead, BEGAN + timedelta(hours=n), won) for n, (lead, won) in enumerate(_drawn(count, seed))]


def split(known: Sequence[Example]) -> Split:
    """The newest fifth apart, as storage reads them, all of them."""
    by_time = sorted(known, key=lambda example: (example.as_of, example.lead_id))
    at = len(by_time) - round(len(by_time) / 5)
    older, newer = by_time[:at], by_time[at:]
    return Split(older, newer, _window(older), _window(newer))


def _window(known: Sequence[Example]) -> Window | None:
    if not known:
        return None
    won = sum(example.won for example in known)
    return Window(leads=len(known), won=won, since=known[0].as_of, until=known[-1].as_of)


def rule(lead: dict[str, Value], as_of: datetime) -> float:
    """The logit that the outcome was drawn with."""
    visits, seen = lead["visits"], datetime.fromisoformat(str(lead["seen_at"]))
    assert visits is None or isinstance(visits, float)
    pull = PULL[str(lead["source"])] + (0.8 if lead["newsletter"] else -0.3)
    return pull - 1 + (-0.5 if visits is None else 0.3 * visits) - 0.1 * (as_of - seen).days


def auc_of_rule(known: Sequence[Example]) -> list[float]:
    return [rule(example.attributes, example.as_of) for example in known]


def _drawn(count: int, seed: int) -> list[tuple[dict[str, Value], bool]]:
    chance = np.random.default_rng(seed)
    found = []
    for n in range(count):
        as_of = BEGAN + timedelta(hours=n)
        lead: dict[str, Value] = {
            "source": SOURCES[chance.integers(len(SOURCES))],
            "visits": None if chance.random() < 0.2 else float(np.float32(chance.gamma(2, 2))),
            "newsletter": bool(chance.random() < 0.5),
            "seen_at": (as_of - timedelta(days=float(chance.gamma(1, 10)))).isoformat(),
            "lead_id": 7000 + 3 * n,
            "remark": f"note {n} {chance.integers(10**9)}",
            "campaign": "spring",
        }
        won = chance.random() < 1 / (1 + np.exp(-rule(lead, as_of)))
        found.append((lead, bool(won)))
    return found
