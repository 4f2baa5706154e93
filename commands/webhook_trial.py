"""The leads that a webhook's body would become; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from commands import score_sheet
from pipeline.errors import GiveUp, Malformed
from pipeline.leads.merging import Lead
from pipeline.leads.values.doubts import MEANING
from pipeline.leads.values.reader import Doubt
from pipeline.printable import printable_lines
from pipeline.services.ingest import lead_saver
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from schemas.score import LeadScore, Value
from workers.command_services import command_services
from workers.webhooks.receiver import BodyParser, body_parser


@dataclass(frozen=True)
class Trial:
    """A lead as only these events would leave it; `sealed` holds the names of the values that would be encrypted.

    `doubts`: attributes whose value may not be what was meant, and why.
    """

    external_id: str
    stage: str | None
    owner: str | None
    outcome: str | None
    attributes: Mapping[str, Value]
    sealed: tuple[str, ...]
    doubts: Mapping[str, str]
    score: LeadScore


@dataclass(frozen=True)
class Trials:
    leads: tuple[Trial, ...]
    ignored: Mapping[str, int]


TRIALS = TypeAdapter(Trials)


def attempt(settings: Settings, file: Path, source: str) -> Trials:
    """Needs no signature. Raises Misconfigured for the source, GiveUp for the body."""
    with command_services(settings) as services:
        parser = body_parser(services, source)
        limit = settings.intake.body_limit
        if file.stat().st_size > limit:
            raise GiveUp(f"a webhook must not exceed {limit} bytes")
        try:
            return _trials(services, parser, source, file.read_bytes())
        except Malformed as error:
            where = f"at {error.pointer}: " if error.pointer else ""
            raise GiveUp(f"{file.name} is nothing that {source} sends: {where}{error}") from None


def text(trials: Trials) -> str:
    parts = [_lead_text(trial) for trial in trials.leads]
    for reason, count in trials.ignored.items():
        parts.append(f"{count} event{'s' if count > 1 else ''} ignored: {reason.replace('_', ' ')}")
    return "\n\n".join(parts or ["no lead in it"])


def as_json(trials: Trials) -> str:
    return TRIALS.dump_json(trials, indent=2).decode()


def _trials(services: Services, parser: BodyParser, source: str, body: bytes) -> Trials:
    now = datetime.now(UTC)
    changes, left_out = parser.changes(parser.report(body), None, now)
    leads: dict[str, Lead] = {}
    doubts: dict[str, dict[str, str]] = {}
    saver = lead_saver(services)
    for change in changes:
        saver.fold(leads.setdefault(change.external_id, Lead(source, change.external_id)), change, now)
        doubts.setdefault(change.external_id, {}).update(change.doubts)
    ignored = {str(reason): count for reason, count in left_out.items()}
    return Trials(tuple(_trial(services, lead, doubts[lead.external_id], now) for lead in leads.values()), ignored)


def _trial(services: Services, lead: Lead, doubts: Mapping[str, str], now: datetime) -> Trial:
    score = services.scorer.attempt(lead.attributes, now, lead.active_at)
    sealed = tuple(sorted(lead.contacts))
    return Trial(lead.external_id, lead.stage, lead.owner, lead.outcome, lead.attributes, sealed, doubts, score)


def _lead_text(trial: Trial) -> str:
    facts = [("stage", trial.stage), ("owner", trial.owner), ("outcome", trial.outcome), *trial.attributes.items()]
    lines = [f"lead {trial.external_id}"]
    lines += [f"  {name} = {value}" for name, value in facts if value is not None]
    lines += [f"  {name}: {MEANING[Doubt(doubt)]}" for name, doubt in trial.doubts.items()]
    if trial.sealed:
        lines.append(f"  sealed: {', '.join(trial.sealed)}")
    return printable_lines([*lines, "", *score_sheet.score_lines(trial.score)])
