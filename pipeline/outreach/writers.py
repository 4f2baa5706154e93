"""Who writes to which target, made of the settings."""

from pipeline.errors import Misconfigured
from pipeline.outreach.caller import Caller
from pipeline.outreach.hubspot import HubSpot
from pipeline.outreach.verdict import Writer
from pipeline.outreach.webhook import WebhookSender
from pipeline.settings import Settings, secret_variable
from pipeline.sources import Target


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
    token = settings.crm_tokens.get(source)
    if token is None or chosen.crm is None:
        raise Misconfigured(f"source {source}: {secret_variable(source, 'CRM_TOKEN')} is not set")
    return HubSpot(caller, chosen.crm, chosen.record, token.get_secret_value())
