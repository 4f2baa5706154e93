"""Verifies, parses and maps the webhooks of one source."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.errors import Malformed, Misconfigured, Refused
from pipeline.leads import opportunities
from pipeline.leads.attributes import flatten
from pipeline.leads.source_mapping import SourceMap
from pipeline.settings.loader import Settings
from pipeline.settings.sections import IntakeSettings
from pipeline.settings.sources import SourceSettings
from pipeline.settings.vendors import VendorSettings
from pipeline.vendors.parse_result import IgnoredReason, LeadEvent, UnreadableBody, WebhookReport
from pipeline.vendors.registry import VENDORS
from pipeline.vendors.signed_request import SignedRequest
from pipeline.wiring import Services
from schemas.lead import LeadChange

logger = logging.getLogger(__name__)

ParsedChanges = tuple[list[LeadChange], Counter[IgnoredReason]]  # and what was left out
DELIVERY_ID_LIMIT = 200  # characters; an index refuses what is longer than some 2,700 bytes


class BodyParser:
    """Parses the bodies of one source, without verifying the sender."""

    def __init__(
        self, settings: SourceSettings, vendor: VendorSettings, source: SourceMap, limits: IntakeSettings
    ) -> None:
        self.vendor = vendor
        self.adapter = VENDORS[settings.vendor]
        self._record = settings.record
        self._accounts = frozenset(settings.accounts)
        self._ours = settings.ours
        self._source = source
        self._limits = limits

    def report(self, body: bytes) -> WebhookReport:
        """Parses a body, without echoes and other accounts. Raises Malformed for a shape that is not the vendor's."""
        try:
            report = self.adapter.read(body, self._record)
        except UnreadableBody as error:
            raise Malformed(str(error), pointer=error.pointer) from None
        report = self._without_echo(report)
        if not self._accounts:
            return report
        ours = [event for event in report.events if event.account in self._accounts]
        others = Counter({IgnoredReason.OTHER_ACCOUNT: len(report.events) - len(ours)})
        return WebhookReport(ours, report.ignored + others)

    def _without_echo(self, report: WebhookReport) -> WebhookReport:
        """Removes properties that we wrote back: scoring them would write them back again, without end."""
        if not any(self._ours & event.attributes.keys() for event in report.events):
            return report
        events, echoes = [], 0
        for event in report.events:
            others = {name: value for name, value in event.attributes.items() if name not in self._ours}
            if others or not event.attributes:
                events.append(event._replace(attributes=others))
            else:
                echoes += 1
        return WebhookReport(events, report.ignored + Counter({IgnoredReason.ECHO: echoes}))

    def changes(self, report: WebhookReport, delivery_id: str | None, received_at: datetime) -> ParsedChanges:
        """Maps events to changes, leaving out those out of bounds; raises Malformed if none is left."""
        changes, faults = [], []
        for event in report.events:
            try:
                changes.append(self._change(event, event.delivery_id or delivery_id or "", received_at))
            except Malformed as error:
                faults.append(error)
        if faults and not changes:
            raise faults[0]
        if faults:
            logger.warning("source %s: %d events are left out: %s", self._source.name, len(faults), faults[0])
        return changes, report.ignored + Counter({IgnoredReason.MALFORMED: len(faults)})

    def _change(self, event: LeadEvent, delivery_id: str, received_at: datetime) -> LeadChange:
        if len(delivery_id) > DELIVERY_ID_LIMIT:
            raise Malformed(f"a delivery's id must not exceed {DELIVERY_ID_LIMIT} characters", pointer="")
        flat = flatten(
            event.attributes,
            at=event.pointer,
            most=self._limits.attribute_limit,
            text_limit=self._limits.text_limit,
            cut=not self.vendor.strict,
        )
        occurred_at = event.occurred_at or received_at
        stored_id = self._source.delivery(delivery_id)
        change = self._source.change(event.external_id, stored_id, occurred_at, flat.values, flat.objects)
        if event.opportunity is not None:
            change = opportunities.apart(change, event.opportunity)
        return change._replace(forgets=event.forgets)


class WebhookReceiver:
    """Receives the webhooks of one source: verifies the signature before it parses the body."""

    def __init__(self, parser: BodyParser, secrets: Sequence[str], oldest: timedelta) -> None:
        self.vendor = parser.vendor
        self._parser = parser
        self._verifier = parser.adapter.verifier(secrets)
        self._oldest = oldest

    def read(self, request: SignedRequest, now: datetime) -> ParsedChanges:
        """The changes of a request. Raises Refused if it is not genuine or too old, Malformed for an unknown shape."""
        delivery_id = self._verifier.verify(request, now)
        report = self._parser.report(request.body)
        # A signature without a time stays valid for years, but delivery ids are deleted earlier.
        if self.vendor.shared_key and any(now - (event.occurred_at or now) > self._oldest for event in report.events):
            raise Refused("it is older than anything that would be sent again")
        return self._parser.changes(report, delivery_id, now)


def body_parser(services: Services, name: str) -> BodyParser:
    """The parser of a source. Raises Misconfigured if there is no such source."""
    settings = services.settings.sources.get(name)
    if settings is None:
        raise Misconfigured(f"there is no source {name!r}; there are: {', '.join(services.settings.sources)}")
    vendor = services.settings.vendors[settings.vendor]
    return BodyParser(settings, vendor, services.source_map(name), services.settings.intake)


def receiver(services: Services, name: str) -> WebhookReceiver:
    """The receiver of a source. Raises Misconfigured with what is missing or wrong."""
    parser = body_parser(services, name)
    _require(services.settings, name, parser.vendor)
    secrets = [secret.get_secret_value() for secret in services.settings.webhook_secrets[name]]
    try:
        return WebhookReceiver(parser, secrets, timedelta(days=services.settings.upkeep.delivery_days))
    except Misconfigured as error:
        raise Misconfigured(f"source {name}: {error}") from None


def receivers(services: Services) -> dict[str, WebhookReceiver]:
    """The receivers of all sources that have a secret."""
    return {name: receiver(services, name) for name, secrets in services.settings.webhook_secrets.items() if secrets}


def _require(settings: Settings, name: str, vendor: VendorSettings) -> None:
    if vendor.signs_uri and not settings.api.public_url:
        raise Misconfigured(
            f"source {name}: its vendor signs the address; set SERVICE6_API__PUBLIC_URL, as https://leads.example.com"
        )
    if vendor.shared_key and not settings.sources[name].accounts:
        raise Misconfigured(
            f"source {name}: its vendor signs for all its customers with one key; "
            f"""set SERVICE6_SOURCES__{name.upper()}__ACCOUNTS='["<location id>"]'"""
        )
