"""Keeps the opportunities of one lead apart, and lets one of them decide the lead's own values.

What a delivery says of an opportunity is saved under `$opportunity/<its id>/`, so that deliveries of different
opportunities never meet. The lead's own stage, outcome and attributes are a copy of one opportunity's: of one that was
won, otherwise of the open one that was told of last, otherwise of the one that was lost last.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from pipeline.leads.merging import NEVER, OUTCOME, SHARED, STAGE, Lead, LeadDiff, Stamp
from schemas.lead import OPEN, LeadChange, Outcome
from schemas.score import Value

PREFIX = "$opportunity/"
MOST = 20  # opportunities of a lead; of more the least important are forgotten
MOST_VALUES = 250  # of them all, within what a lead may have
BETWEEN = 1
RANKS: dict[Value, int] = {Outcome.WON.value: 2, Outcome.LOST.value: 0}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Fold = Callable[[Lead, LeadChange, datetime], LeadDiff | None]
Said = Mapping[str, Value]  # of an opportunity, by the names that the lead has for it; `stage` and `outcome` too


def apart(change: LeadChange, opportunity: str) -> LeadChange:
    """The change with what it says of the opportunity under its id; contact details and the owner are the lead's."""
    fields = {"stage": change.stage, "outcome": change.outcome}
    said = change.attributes | {name: str(value) for name, value in fields.items() if value is not None}
    at = f"{PREFIX}{opportunity.replace('/', '_')}/"
    attributes = {at + name: value for name, value in said.items()}
    return change._replace(
        attributes=attributes,
        stage=None,
        outcome=None,
        objects=frozenset(at + name for name in change.objects),
        raw={at + name: value for name, value in change.raw.items()},
    )


def fold(fold_one: Fold, lead: Lead, change: LeadChange, received_at: datetime) -> LeadDiff | None:
    """As `fold_one`; after a change of an opportunity also what the deciding one says of the lead itself."""
    news = fold_one(lead, change, received_at)
    if news is None or not next(iter(change.attributes), "").startswith(PREFIX):
        return news
    _forget_least(lead)
    own = _own_change(lead, change)
    more = None if own is None else fold_one(lead, own, received_at)
    _date_outcome(lead, received_at)
    if more is None:
        return news
    return news._replace(
        attributes={**news.attributes, **more.attributes},
        stage=more.stage or news.stage,
        outcome=more.outcome or news.outcome,
    )


def _own_change(lead: Lead, change: LeadChange) -> LeadChange | None:
    """What the deciding opportunity says and the lead does not; newer than what the lead says."""
    by_id, deciding = _deciding(lead)
    said = by_id[deciding]
    # Of what an opportunity has told no more only the time is left.
    told_ever = {name.rpartition("/")[2] for name in (*lead.attributes, *lead.times) if name.startswith(PREFIX)}
    names = told_ever - {"stage", "outcome"}
    attributes = {name: said.get(name) for name in sorted(names) if lead.attributes.get(name) != said.get(name)}
    stage, outcome = _text(said.get("stage")), _text(said.get("outcome")) or OPEN
    stage = None if stage == lead.stage else stage
    ended = None if outcome == (lead.outcome or OPEN) else outcome
    if not (attributes or stage or ended):
        return None
    told = [*attributes, *([STAGE] if stage else []), *([OUTCOME] if ended else [])]
    newest = max(_stamp(lead, name)[0] + 1 for name in told)
    at = max(_told_at(lead, deciding, said)[0], newest)
    return change._replace(
        occurred_at=EPOCH + timedelta(microseconds=at),
        attributes=attributes,
        contacts={},
        stage=stage,
        owner=None,
        outcome=ended,
        objects=frozenset(),
        raw={},
    )


def _date_outcome(lead: Lead, received_at: datetime) -> None:
    """Sets when the lead ended to when its opportunity did, in whatever order it was told."""
    by_id, deciding = _deciding(lead)
    if lead.outcome is not None and by_id[deciding].get("outcome") == lead.outcome:
        ended_at = EPOCH + timedelta(microseconds=_stamp(lead, f"{PREFIX}{deciding}/outcome")[0])
        lead.outcome_at = min(ended_at, received_at)


def _forget_least(lead: Lead) -> None:
    by_id = _opportunities(lead)
    values = 0
    for place, one in enumerate(sorted(by_id, key=lambda one: _rank(lead, one, by_id[one]), reverse=True)):
        values += len(by_id[one])
        if place == 0 or (place < MOST and values <= MOST_VALUES):
            continue
        for name in by_id[one]:
            del lead.attributes[f"{PREFIX}{one}/{name}"]
            lead.times.pop(f"{PREFIX}{one}/{name}", None)


def _deciding(lead: Lead) -> tuple[dict[str, Said], str]:
    by_id = _opportunities(lead)
    return by_id, max(by_id, key=lambda one: _rank(lead, one, by_id[one]))


def _opportunities(lead: Lead) -> dict[str, Said]:
    by_id: defaultdict[str, dict[str, Value]] = defaultdict(dict)
    for name, value in lead.attributes.items():
        if name.startswith(PREFIX):
            opportunity, _, rest = name.removeprefix(PREFIX).partition("/")
            by_id[opportunity][rest] = value
    return dict(by_id)


def _rank(lead: Lead, opportunity: str, said: Said) -> tuple[int, Stamp, str]:
    return RANKS.get(said.get("outcome"), BETWEEN), _told_at(lead, opportunity, said), opportunity


def _told_at(lead: Lead, opportunity: str, said: Said) -> Stamp:
    return max(_stamp(lead, f"{PREFIX}{opportunity}/{name}") for name in said)


def _stamp(lead: Lead, name: str) -> Stamp:
    own = lead.times.get(name)
    if own is not None:
        return own
    return lead.times.get(SHARED, NEVER) if name in lead.attributes else (0, "")


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
