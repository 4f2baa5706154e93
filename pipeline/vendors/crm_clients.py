"""Makes the clients of a source's CRM from the settings."""

from collections.abc import MutableMapping

from pipeline.errors import Misconfigured
from pipeline.outbound.crm_record import RecordReader
from pipeline.outbound.http_client import HttpClient
from pipeline.outbound.sync_result import ScoreWriter
from pipeline.outbound.webhook_sender import WebhookSender
from pipeline.settings.loader import Settings, secret_variable
from pipeline.settings.sources import Target
from pipeline.vendors.crm_account import AccessToken, CrmAccount
from pipeline.vendors.registry import VENDORS


def score_writer(settings: Settings, source: str, target: Target, http: HttpClient) -> ScoreWriter:
    """The client that writes a source's scores to a target. Raises Misconfigured with what is missing or wrong."""
    chosen = settings.sources[source]
    if target == "webhook" and chosen.webhook:
        secret = settings.signing_secrets.get(source)
        if secret is None:
            raise Misconfigured(f"source {source}: {secret_variable(source, 'SIGNING_SECRET')} is not set")
        try:
            return WebhookSender(http, chosen.webhook.url, secret.get_secret_value())
        except Misconfigured as error:
            raise Misconfigured(f"{secret_variable(source, 'SIGNING_SECRET')}: {error}") from None
    make = VENDORS[chosen.vendor].score_writer
    if make is None:
        raise Misconfigured(f"source {source}: scores cannot be written back to {chosen.vendor}")
    return make(_account(settings, source, http, {}))


def record_reader(
    settings: Settings, source: str, http: HttpClient, access_tokens: MutableMapping[str, AccessToken]
) -> RecordReader:
    """The client that reads a source's records; `access_tokens` caches those that are still valid."""
    vendor = settings.sources[source].vendor
    make = VENDORS[vendor].record_reader
    if make is None:
        raise Misconfigured(f"source {source}: records cannot be fetched from {vendor}")
    try:
        return make(_account(settings, source, http, access_tokens))
    except Misconfigured as error:
        raise Misconfigured(f"source {source}: {error}") from None


def _account(
    settings: Settings, source: str, http: HttpClient, access_tokens: MutableMapping[str, AccessToken]
) -> CrmAccount:
    chosen, token = settings.sources[source], settings.crm_tokens.get(source)
    if token is None or chosen.crm is None:
        raise Misconfigured(f"source {source}: {secret_variable(source, 'CRM_TOKEN')} is not set")
    return CrmAccount(http, chosen.crm, chosen.record, token.get_secret_value(), access_tokens)
