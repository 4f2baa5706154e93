"""Checks the webhook receiver of each source, and how much of a lead its mapping yields."""

from collections.abc import Collection, Iterator

from commands.finding import Finding
from pipeline.errors import Misconfigured
from pipeline.outbound.http_client import http_client
from pipeline.settings.loader import secret_variable
from pipeline.settings.sources import SourceSettings
from pipeline.vendors.crm_clients import record_reader, score_writer
from pipeline.wiring import Services
from workers.supervisor.running_stack import variables_of_the_running_stack
from workers.webhooks.receiver import receiver

SET_IT = "set it, in the worker's environment too, or switch this off"
LACKS = "this shell lacks the variable"
FEWEST_FEATURES = 3  # of the scorecard; below, a score says little


def examine_sources(services: Services) -> Iterator[Finding]:
    elsewhere = variables_of_the_running_stack(services.settings.state_dir)
    for source, secrets in services.settings.webhook_secrets.items():
        if secrets:
            yield _receiver(services, source, len(secrets))
            yield _mapping(services, source)
        elif secret_variable(source) in elsewhere:
            yield Finding(f"webhooks {source}", "ok", f"open in the running stack; {LACKS} {secret_variable(source)}")
            yield _mapping(services, source)
        else:
            yield Finding(f"webhooks {source}", "ok", f"closed; {secret_variable(source)} would open it")
        yield from _calls_out(services, source, elsewhere)
    if not any(services.settings.webhook_secrets.values()) and not elsewhere & set(
        map(secret_variable, services.settings.sources)
    ):
        mend = f"set {secret_variable('standard')}, or that of your CRM"
        yield Finding("webhooks", "warn", "all closed: no source has a secret", mend)


def _calls_out(services: Services, source: str, elsewhere: Collection[str]) -> Iterator[Finding]:
    for target in services.settings.sources[source].targets:
        name = f"{target} {source}"
        try:
            score_writer(services.settings, source, target, http_client(services.settings.outbound))
        except Misconfigured as error:
            yield _unset(name, source, error, elsewhere)
        else:
            yield Finding(name, "ok", "scores are sent to it")
    if services.settings.sources[source].fetches:
        try:
            record_reader(services.settings, source, http_client(services.settings.outbound), {})
        except Misconfigured as error:
            yield _unset(f"fetch {source}", source, error, elsewhere)
        else:
            yield Finding(f"fetch {source}", "ok", "its records are fetched")


def _unset(name: str, source: str, error: Misconfigured, elsewhere: Collection[str]) -> Finding:
    variables = {secret_variable(source, "CRM_TOKEN"), secret_variable(source, "SIGNING_SECRET")}
    known = sorted(variable for variable in variables & set(elsewhere) if variable in str(error))
    if known:
        return Finding(name, "ok", f"set in the running stack; {LACKS} {known[0]}")
    return Finding(name, "bad", str(error), SET_IT)


def _receiver(services: Services, source: str, secrets: int) -> Finding:
    try:
        receiver(services, source)
    except Misconfigured as error:
        return Finding(f"webhooks {source}", "bad", str(error), f"correct that, or unset {secret_variable(source)}")
    rotating = ", two secrets: one is being rotated" if secrets > 1 else ""
    return Finding(f"webhooks {source}", "ok", f"open{rotating}")


def _mapping(services: Services, source: str) -> Finding:
    settings = services.settings.sources[source]
    name = f"mapping {source}"
    if not (settings.won and (settings.stage or settings.outcome)):
        mend = f"name the attribute under sources.{source}.outcome (or stage), and its words under won and lost"
        return Finding(name, "warn", "nothing tells a lead that was won", mend)
    known = _features(services, settings)
    # A sender of Standard Webhooks names its attributes itself.
    if settings.vendor != "standard" and len(known) < FEWEST_FEATURES:
        some = ", ".join(rule.attribute for rule in services.settings.scorecard.features[:FEWEST_FEATURES])
        mend = f"say under sources.{source}.fields which field is {some}, or another attribute of the scorecard"
        return Finding(name, "warn", f"its fields give {len(known)} of the scorecard's attributes", mend)
    return Finding(name, "ok", f"its fields give {len(known)} of the scorecard's attributes" if known else "by name")


def _features(services: Services, settings: SourceSettings) -> set[str]:
    """The scorecard's attributes that the source's fields become."""
    names = services.attribute_names.of_source(settings.fields)
    given = {names.attribute(name) for name, field in settings.fields.items() if not field.personal}
    return {
        rule.attribute
        for rule in services.settings.scorecard.features
        if not given.isdisjoint((rule.attribute, *rule.aliases))
    }
