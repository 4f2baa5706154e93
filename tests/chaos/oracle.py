"""What must be true when all is calm again: of the ledger, the database and the dashboard, by plain comparison.

`verdict` returns one line for each thing that is wrong; an empty list is the proof that nothing was lost, doubled or
left behind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from pipeline.scoring.scorer import Scorer
from schemas.lead import UnscoredLead
from schemas.score import Value
from tests.chaos.dashboard import Shown
from tests.chaos.dialects import MARK, Change

Key = tuple[str, str]
# Scores are stored as real and told as JSON.
TOLERANCE = 0.005
TENTH = 0.1 + TOLERANCE  # what changes less is not written back
MOST_LINES = 20


class StoredLead(NamedTuple):
    id: int
    revision: int
    attributes: dict[str, Value]
    stage: str | None
    contacts: dict[str, Value]


class StoredScore(NamedTuple):
    score: float
    tier: str
    lead_revision: int
    rev: int


class HistoryRow(NamedTuple):
    lead_id: int
    rev: int
    lead_revision: int
    score: float


class TimelineRow(NamedTuple):
    """`marks`: the names in it that say which delivery it tells of."""

    lead_id: int
    received_at: datetime
    marks: tuple[str, ...]


@dataclass
class Stored:
    """The database at one moment. `left`: how many rows of each kind of work owed, or of its failure, there are."""

    leads: dict[Key, StoredLead] = field(default_factory=dict)
    scores: dict[int, StoredScore] = field(default_factory=dict)
    history: list[HistoryRow] = field(default_factory=list)
    timeline: list[TimelineRow] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


@dataclass
class Evidence:
    """`accepted`, `doubtful`, `refused`: as in the ledger. `shown`, `frames`, `contradictions`: as in the dashboard.

    `written_back`: by lead id the newest score that was told to the CRM of `write_back_sources`.
    """

    accepted: Sequence[Change]
    doubtful: Sequence[Change]
    refused: Sequence[tuple[Change, int]]
    shown: Mapping[int, Shown]
    frames: Mapping[tuple[int, int], float]
    contradictions: Sequence[str]
    stored: Stored
    write_back_sources: frozenset[str] = frozenset()
    written_back: Mapping[int, Shown] = field(default_factory=dict)


def verdict(evidence: Evidence, scorer: Scorer) -> list[str]:
    """All that is wrong, a few lines of each kind."""
    told = arrived(evidence)
    checks = (
        refused(evidence),
        changes_lost(evidence),
        leads_differ(evidence.stored, told),
        revisions_differ(evidence.stored, told),
        deliveries_doubled(evidence.stored, told),
        scores_differ(evidence.stored, told, scorer),
        history_differs(evidence.stored),
        work_is_left(evidence.stored),
        dashboard_differs(evidence),
        feed_invents(evidence),
        write_back_differs(evidence),
    )
    return [line for check in checks for line in _some(check)]


def _some(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return found if len(found) <= MOST_LINES else [*found[:MOST_LINES], f"… and {len(found) - MOST_LINES} like these"]


def arrived(evidence: Evidence) -> dict[Key, list[Change]]:
    """By lead what was accepted, and of the doubtful what has arrived after all; the oldest first."""
    found: dict[Key, list[Change]] = defaultdict(list)
    for change in evidence.accepted:
        found[change.key].append(change)
    for change in evidence.doubtful:
        lead = evidence.stored.leads.get(change.key)
        if lead is not None and change.mark in lead.attributes:
            found[change.key].append(change)
    return {key: sorted(changes, key=lambda change: change.at) for key, changes in found.items()}


def expected(changes: Sequence[Change]) -> tuple[dict[str, Value], str | None, dict[str, Value]]:
    """Attributes, stage and contacts of a lead: of each the newest."""
    attributes: dict[str, Value] = {}
    contacts: dict[str, Value] = {}
    stage = None
    for change in changes:
        attributes |= change.attributes
        contacts |= change.contacts or {}
        stage = change.stage or stage
    return attributes, stage, contacts


def refused(evidence: Evidence) -> Iterator[str]:
    for change, status in evidence.refused:
        yield f"delivery {change.number} of {change.source} was refused for good: {status}"


def changes_lost(evidence: Evidence) -> Iterator[str]:
    for change in evidence.accepted:
        lead = evidence.stored.leads.get(change.key)
        if lead is None or change.mark not in lead.attributes:
            yield f"delivery {change.number} of {change.source} was accepted and is not in lead {change.external_id}"


def leads_differ(stored: Stored, told: Mapping[Key, Sequence[Change]]) -> Iterator[str]:
    for key, lead in stored.leads.items():
        if key not in told:
            yield f"lead {key} was never told of"
            continue
        attributes, stage, contacts = expected(told[key])
        for name, want, have in (("attribute", attributes, lead.attributes), ("contact", contacts, lead.contacts)):
            for each in want.keys() | have.keys():
                if want.get(each) != have.get(each):
                    yield f"{name} {each} of lead {key} is {have.get(each)!r} and not {want.get(each)!r}"
        if lead.stage != stage:
            yield f"the stage of lead {key} is {lead.stage!r} and not {stage!r}"


def revisions_differ(stored: Stored, told: Mapping[Key, Sequence[Change]]) -> Iterator[str]:
    """A revision is a transaction that told something: at most one for each delivery, at least one for each moment."""
    moments: dict[int, set[datetime]] = defaultdict(set)
    for row in stored.timeline:
        moments[row.lead_id].add(row.received_at)
    for key, lead in stored.leads.items():
        least, most = len(moments[lead.id]), len(told.get(key, ()))
        if not least <= lead.revision <= most:
            yield f"lead {key} is at revision {lead.revision}, with {most} deliveries in {least} transactions"


def deliveries_doubled(stored: Stored, told: Mapping[Key, Sequence[Change]]) -> Iterator[str]:
    """The story of a lead tells of each of its deliveries once."""
    seen = Counter((row.lead_id, mark) for row in stored.timeline for mark in row.marks)
    for key, changes in told.items():
        lead = stored.leads.get(key)
        for change in changes if lead else ():
            times = seen[lead.id, change.mark] if lead else 0
            if times != 1:
                yield f"the story of lead {key} tells {times} times of delivery {change.number}"


def scores_differ(stored: Stored, told: Mapping[Key, Sequence[Change]], scorer: Scorer) -> Iterator[str]:
    """Each lead has one score, of its newest revision, and it is what one thread would compute of the ledger."""
    known = [(key, lead) for key, lead in stored.leads.items() if key in told]
    waiting = [_waiting(key, lead, told[key]) for key, lead in known]
    rows = scorer.score(waiting, datetime.now(UTC)) if waiting else []
    for (key, lead), row in zip(known, rows, strict=True):
        score = stored.scores.get(lead.id)
        if score is None:
            yield f"lead {key} has no score"
        elif score.lead_revision != lead.revision:
            yield f"lead {key} is at revision {lead.revision}, its score at {score.lead_revision}"
        elif abs(score.score - row.score) > TOLERANCE or score.tier != row.tier:
            yield f"lead {key} has score {score.score} {score.tier} and not {row.score} {row.tier}"
    for lead_id in stored.scores.keys() - {lead.id for lead in stored.leads.values()}:
        yield f"there is a score of lead id {lead_id}, which does not exist"


def _waiting(key: Key, lead: StoredLead, changes: Sequence[Change]) -> UnscoredLead:
    attributes, stage, _ = expected(changes)
    return UnscoredLead(lead.id, *key, lead.revision, attributes, stage, None, None, changes[-1].at)


def history_differs(stored: Stored) -> Iterator[str]:
    """The history of a lead has each rev once, none missing, and ends with its score."""
    rows: dict[int, list[HistoryRow]] = defaultdict(list)
    for row in stored.history:
        rows[row.lead_id].append(row)
    for lead_id, score in stored.scores.items():
        found = sorted(rows.pop(lead_id, []), key=lambda row: row.rev)
        revs = [row.rev for row in found]
        if revs != list(range(1, score.rev + 1)):
            yield f"the history of lead id {lead_id} has revs {revs}, its score has rev {score.rev}"
        elif (found[-1].lead_revision, found[-1].score) != (score.lead_revision, score.score):
            yield f"the history of lead id {lead_id} ends with {found[-1]}, its score is {score}"
        elif any(later.lead_revision < row.lead_revision for row, later in pairwise(found)):
            yield f"lead id {lead_id} was scored from an older revision after a newer one"
    for lead_id in rows:
        yield f"there is history of lead id {lead_id}, which has no score"


def work_is_left(stored: Stored) -> Iterator[str]:
    for name, count in stored.left.items():
        if count:
            yield f"{count} rows are left: {name}"


def dashboard_differs(evidence: Evidence) -> Iterator[str]:
    for lead_id, score in evidence.stored.scores.items():
        shown = evidence.shown.get(lead_id)
        if shown is None or shown.rev != score.rev:
            yield f"the dashboard shows rev {shown and shown.rev} of lead id {lead_id}, the database has {score.rev}"
        elif abs(shown.score - score.score) > TOLERANCE or shown.tier != score.tier:
            yield f"the dashboard shows {shown} of lead id {lead_id}, the database has {score}"
    for lead_id in evidence.shown.keys() - evidence.stored.scores.keys():
        yield f"the dashboard shows lead id {lead_id}, which has no score"


def feed_invents(evidence: Evidence) -> Iterator[str]:
    """What the feed has told at any time is in the history: nothing was announced that was not saved."""
    yield from evidence.contradictions
    saved = {(row.lead_id, row.rev): row.score for row in evidence.stored.history}
    for (lead_id, rev), score in evidence.frames.items():
        known = saved.get((lead_id, rev))
        if known is None or abs(known - score) > TOLERANCE:
            yield f"the feed told {score} for lead id {lead_id} rev {rev}, the history has {known}"


def write_back_differs(evidence: Evidence) -> Iterator[str]:
    """The CRM was told each lead's score, to the tenth, and no score that was never saved."""
    saved = {(row.lead_id, row.rev) for row in evidence.stored.history}
    for (source, _), lead in evidence.stored.leads.items():
        score, told = evidence.stored.scores.get(lead.id), evidence.written_back.get(lead.id)
        if source not in evidence.write_back_sources or score is None:
            continue
        if told is None:
            yield f"the CRM was never told the score of lead id {lead.id}"
        elif (lead.id, told.rev) not in saved:
            yield f"the CRM was told rev {told.rev} of lead id {lead.id}, which was never saved"
        elif abs(told.score - score.score) > TENTH or told.tier != score.tier:
            yield f"the CRM was told {told} of lead id {lead.id}, the database has {score}"


def marks(attributes: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in attributes if name.startswith(MARK))
