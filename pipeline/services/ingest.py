"""Changes of any number of leads -> one transaction: deduplicated, merged, saved, and owed a score."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from pipeline.errors import Disturbed, Malformed, Misconfigured, Refused
from pipeline.leads import opportunities, rereading
from pipeline.leads.early_snapshot import SnapshotPolicy
from pipeline.leads.merging import Lead, LeadDiff
from pipeline.leads.money import CURRENCY, Rates
from pipeline.leads.source_mapping import SourceMap
from pipeline.leads.values.reader import Doubt
from pipeline.security.privacy import email_in, phone_in
from pipeline.security.vault import Vault
from pipeline.services.lead_ids import LeadIds, lead_ids
from pipeline.storage.leads import contacts, deliveries, lead_rows, lead_writes, timeline
from pipeline.storage.leads.lead_rows import READING, Key, LeadRow
from pipeline.storage.models import outcomes
from pipeline.storage.outbound import outbound_work
from pipeline.wiring import Services
from schemas.example import Early
from schemas.lead import LeadChange
from schemas.score import Value

NAMES = 4  # times as many names as attributes: of those that are gone it is kept when they went
KNOWN_ENOUGH = 6  # attributes: a lead with fewer is asked for, once


def lead_saver(services: Services) -> "LeadSaver":
    return LeadSaver(
        services.vault,
        attribute_limit=services.settings.intake.attribute_limit,
        grace=timedelta(seconds=services.settings.upkeep.grace_s),
        capture=SnapshotPolicy(timedelta(seconds=services.settings.learning.capture_after_s)),
        rates=services.rates,
        source_map=services.source_map,
        fetched=services.settings.fetched,
        ids=lead_ids(services.settings),
    )


class LeadSaver:
    """`grace`: how long a lead's own message has before upkeep may take it for lost. `fetched`: sources whose records
    are asked for, because they tell little of them."""

    def __init__(
        self,
        vault: Vault,
        *,
        attribute_limit: int,
        grace: timedelta,
        capture: SnapshotPolicy,
        rates: Rates,
        source_map: Callable[[str], SourceMap],
        ids: LeadIds,
        fetched: Collection[str] = (),
    ) -> None:
        self.ids = ids
        self._capture = capture
        self._rates = rates
        self._source_map = source_map
        self._vault = vault
        self._attribute_limit = attribute_limit
        self._name_limit = NAMES * attribute_limit
        self._grace = grace
        self._fetched = frozenset(fetched)

    def save(self, db: Session, changes: Sequence[LeadChange], received_at: datetime) -> list[int]:
        """Ids of the leads that changed and now wait for a score.

        Raises Disturbed if another transaction brought one of the leads into being meanwhile (then the same call finds
        it), Malformed if a lead would outgrow its bounds.
        """
        fresh = deliveries.first_seen(db, [(c.source, c.delivery_id) for c in changes])
        changed = self.merge(db, [c for c in changes if (c.source, c.delivery_id) in fresh], received_at)
        sources = self._fetched & {change.source for change in changes}
        if sources and changed:
            outbound_work.enqueue_fetches(db, changed, list(sources), few=KNOWN_ENOUGH, now=received_at)
        return changed

    def merge(self, db: Session, changes: Sequence[LeadChange], received_at: datetime) -> list[int]:
        """As `save`, for changes that are no deliveries: nobody sends them again."""
        if not changes:
            return []
        changes = self.ids.under_saved(db, changes)
        touched, told = self._fold(self.known(db, changes, lock=True), changes, received_at)
        if not touched:
            return []
        self._store(db, touched, received_at)
        shown = [lead for lead in touched if not lead.is_blank]
        lead_writes.save(
            db,
            sealed=self.sealed(touched),
            timeline_entries=[_entry(lead, news) for lead, news in told if not news.is_empty],
            captured=captured(touched),
            revisions=[(lead.id, lead.revision) for lead in shown],
            received_at=received_at,
            due=self.due(received_at),
        )
        ended = {lead.id for lead, news in told if news.outcome is not None}
        decided = [_decided(lead) for lead in touched if lead.id in ended and lead.outcome is not None]
        if decided:
            outcomes.record(db, decided, received_at)
        if len(decided) < len(ended):
            outcomes.forget(db, [lead.id for lead in touched if lead.id in ended and lead.outcome is None])
        return [lead.id for lead in shown]

    def sealed(self, stored: Sequence[Lead]) -> list[contacts.SealedContact]:
        """The contacts of those that have some or had, in ascending id."""
        personal = [lead for lead in stored if lead.contacts or lead.unsealed]
        return [self._sealed(lead) for lead in sorted(personal, key=lambda lead: lead.id)]

    def due(self, received_at: datetime) -> datetime:
        """When upkeep may take the message of a lead that changed at `received_at` for lost."""
        return received_at + self._grace

    def known(self, db: Session, changes: Sequence[LeadChange], *, lock: bool = False) -> dict[Key, Lead]:
        """The leads of these changes that exist; contacts are opened for those whose change has some."""
        keys = {(c.source, c.external_id) for c in changes}
        rows = lead_rows.lock(db, list(keys)) if lock else lead_rows.find(db, list(keys))
        known = {(row.source, row.external_id): as_lead(row) for row in rows}
        older = {known[row.source, row.external_id].id for row in rows if row.reading < READING}
        told = {known[c.source, c.external_id].id for c in changes if _needs_contacts(known, c)}
        self.open_contacts(db, [lead for lead in known.values() if lead.id in told | older])
        return {key: self.reread(lead) if lead.id in older else lead for key, lead in known.items()}

    def reread(self, lead: Lead) -> Lead:
        """A lead that an earlier version read, with its contacts opened, as it would be read today."""
        return rereading.reread(lead, self._source_map(lead.source))

    def open_contacts(self, db: Session, leads: Sequence[Lead]) -> None:
        sealed = contacts.sealed(db, [lead.id for lead in leads]) if leads else {}
        for lead in leads:
            if lead.id in sealed:
                lead.contacts = self._open(sealed[lead.id], contacts.row_name(lead.id))

    def fold(self, lead: Lead, change: LeadChange, received_at: datetime) -> LeadDiff | None:
        """Folds a change into a lead: newer values, the early snapshot, and amounts in one currency."""
        before = lead.attributes.get(CURRENCY)
        diff = opportunities.fold(self._capture.fold, lead, change, received_at)
        if diff is None or not (before or CURRENCY in lead.attributes):
            return diff
        told = diff.attributes.keys()
        self._rates.settle(lead.attributes, lead.raw, before=before, told=told)
        for name in self._rates.incomparable(lead.attributes):
            self._source_map(lead.source).history.learn(name, None, Doubt.NOT_COMPARABLE)
        return diff._replace(attributes={name: lead.attributes.get(name) for name in told})

    def _open(self, sealed: bytes, row: str) -> dict[str, Value]:
        try:
            return cast(dict[str, Value], self._vault.open(sealed, row))
        except Refused as error:  # not the sender's fault
            raise Misconfigured(f"contacts of a lead do not open: {error}") from None

    def _fold(
        self, known: dict[Key, Lead], changes: Sequence[LeadChange], received_at: datetime
    ) -> tuple[list[Lead], list[tuple[Lead, LeadDiff]]]:
        """The leads that changed, and what of which change was new."""
        touched: dict[Key, Lead] = {}
        told: list[tuple[Lead, LeadDiff]] = []
        for change in changes:
            key = (change.source, change.external_id)
            lead = known.setdefault(key, Lead(*key))
            news = self.fold(lead, change, received_at)
            if news is not None:
                touched[key] = lead
                told.append((lead, news))
            if len(lead.attributes) + len(lead.contacts) > self._attribute_limit or len(lead.times) > self._name_limit:
                raise Malformed(f"the lead would have more than {self._attribute_limit} attributes", pointer="/data")
        for lead in touched.values():
            lead.revision += 1
        return list(touched.values()), told

    def _store(self, db: Session, touched: Sequence[Lead], received_at: datetime) -> None:
        old = [lead for lead in touched if lead.id]
        new = [lead for lead in touched if not lead.id]
        if old:
            lead_rows.update(db, [as_row(lead) for lead in old])
        if new:
            ids = lead_rows.insert(db, [as_row(lead) for lead in new], received_at)
            if len(ids) < len(new):
                raise Disturbed("another transaction has just inserted one of these leads")
            for lead in new:
                lead.id = ids[lead.source, lead.external_id]

    def _sealed(self, lead: Lead) -> contacts.SealedContact:
        email, phone = email_in(lead.contacts), phone_in(lead.contacts)
        return contacts.SealedContact(
            lead.id,
            self._vault.seal(lead.contacts, contacts.row_name(lead.id)),
            self._vault.email_index(email) if email else None,
            self._vault.phone_index(phone) if phone else None,
        )


def as_lead(row: LeadRow) -> Lead:
    return Lead(
        source=row.source,
        external_id=row.external_id,
        id=row.id,
        revision=row.revision,
        attributes=row.attributes,
        raw=row.raw,
        times={name: (at, delivery) for name, (at, delivery) in row.attribute_times.items()},
        stage=row.stage,
        owner=row.owner,
        outcome=row.outcome,
        outcome_at=row.outcome_at,
        active_at=row.active_at,
        received_at=row.received_at,
    )


def _needs_contacts(known: dict[Key, Lead], change: LeadChange) -> bool:
    lead = known.get((change.source, change.external_id))
    return lead is not None and lead.needs_contacts(change)


def _entry(lead: Lead, news: LeadDiff) -> timeline.TimelineEntry:
    return timeline.TimelineEntry(
        lead.id, news.at, news.attributes, news.contacts, news.stage, news.owner, news.outcome
    )


def _decided(lead: Lead) -> outcomes.DecidedLead:
    return outcomes.DecidedLead(lead.id, lead.outcome or "", lead.outcome_at or lead.active_at, lead.revision)


def captured(stored: Sequence[Lead]) -> list[tuple[int, Early]]:
    """By lead id, what is to be learned from of those whose early time has just ended."""
    return [(lead.id, lead.early) for lead in stored if lead.early is not None]


def as_row(lead: Lead) -> LeadRow:
    return LeadRow(
        lead.id,
        lead.source,
        lead.external_id,
        lead.attributes,
        lead.raw,
        lead.times,
        lead.stage,
        lead.owner,
        lead.outcome,
        lead.outcome_at,
        lead.active_at,
        lead.revision,
    )
