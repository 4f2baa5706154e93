"""Who writes to which target and who reads which CRM, made of the settings."""

from collections.abc import MutableMapping

from pipeline.errors import Misconfigured
from pipeline.outreach.caller import Caller
from pipeline.outreach.hubspot import HubSpot
from pipeline.outreach.record import Reader
from pipeline.outreach.verdict import Writer
from pipeline.outreach.webhook import WebhookSender
from pipeline.outreach.zoho import AccessToken, Zoho
from pipeline.settings import Settings, secret_variable
from pipeline.sources import CrmSettings, Target


def make_writer(settings: Settings, source: str, target: Target, caller: Caller) -> Writer:
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
    return HubSpot(caller, crm, chosen.record, token)


def make_reader(settings: Settings, source: str, caller: Caller, tokens: MutableMapping[str, AccessToken]) -> Reader:
    """As `make_writer`; `tokens` are those of Zoho that are still good."""
    crm, token = _crm(settings, source)
    record = settings.sources[source].record
    if settings.sources[source].vendor == "hubspot":
        return HubSpot(caller, crm, record, token)
    try:
        return Zoho(caller, crm, record, token, tokens)
    except Misconfigured as error:
        raise Misconfigured(f"source {source}: {error}") from None


def _crm(settings: Settings, source: str) -> tuple[CrmSettings, str]:
    crm, token = settings.sources[source].crm, settings.crm_tokens.get(source)
    if token is None or crm is None:
        raise Misconfigured(f"source {source}: {secret_variable(source, 'CRM_TOKEN')} is not set")
    return crm, token.get_secret_value()
