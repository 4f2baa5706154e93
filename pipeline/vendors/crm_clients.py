"""Who writes to which target and who reads which CRM, made of the settings."""

from collections.abc import MutableMapping

from pipeline.errors import Misconfigured
from pipeline.outbound.http_client import HttpClient
from pipeline.outbound.record import RecordReader
from pipeline.outbound.sync_result import ScoreWriter
from pipeline.outbound.webhook_sender import WebhookSender
from pipeline.settings.loader import Settings, secret_variable
from pipeline.settings.sources import CrmSettings, Target
from pipeline.vendors.hubspot.client import HubSpotClient
from pipeline.vendors.zoho.client import AccessToken, ZohoClient


def score_writer(settings: Settings, source: str, target: Target, caller: HttpClient) -> ScoreWriter:
    """Raises Misconfigured with what is missing or wrong."""
    chosen = settings.sources[source]
    if target == "webhook" and chosen.webhook:
        secret = settings.signing_secrets.get(source)
        if secret is None:
            raise Misconfigured(f"source {source}: {secret_variable(source, 'SIGNING_SECRET')} is not set")
        try:
            return WebhookSender(caller, chosen.webhook.url, secret.get_secret_value())
        except Misconfigured as error:
            raise Misconfigured(f"{secret_variable(source, 'SIGNING_SECRET')}: {error}") from None
    crm, token = _crm(settings, source)
    return HubSpotClient(caller, crm, chosen.record, token)


def record_reader(
    settings: Settings, source: str, caller: HttpClient, tokens: MutableMapping[str, AccessToken]
) -> RecordReader:
    """As `make_writer`; `tokens` are those of Zoho that are still good."""
    crm, token = _crm(settings, source)
    record = settings.sources[source].record
    if settings.sources[source].vendor == "hubspot":
        return HubSpotClient(caller, crm, record, token)
    try:
        return ZohoClient(caller, crm, record, token, tokens)
    except Misconfigured as error:
        raise Misconfigured(f"source {source}: {error}") from None


def _crm(settings: Settings, source: str) -> tuple[CrmSettings, str]:
    crm, token = settings.sources[source].crm, settings.crm_tokens.get(source)
    if token is None or crm is None:
        raise Misconfigured(f"source {source}: {secret_variable(source, 'CRM_TOKEN')} is not set")
    return crm, token.get_secret_value()
