from __future__ import annotations

from pathlib import Path

import click

from commands.group import Failed
from commands.options import Real, json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.command()
@click.option("--rate", type=Real(0, 10_000, min_open=True), default=10, show_default=True, help="Webhooks a second.")
@click.option("--seconds", type=Real(0, 86_400, min_open=True), default=10, show_default=True, help="Duration.")
@click.option("--url", help="The API's address.  [default: that of `up`, else what is configured]")
@click.option("--seed", type=int, help="The same seed invents the same leads.  [default: random]")
@click.option("--outcomes", is_flag=True, help="Win or lose the leads by a hidden rule, to see what is learned.")
@click.option(
    "--days", type=Real(0, 3650, min_open=True), help="Days that pass in the life of the leads.  [default: 90]"
)
@json_option
@state_dir_option
def simulate(
    rate: float,
    seconds: float,
    url: str | None,
    seed: int | None,
    outcomes: bool,
    days: float | None,
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Send signed webhooks of invented leads to the running API.

    Latency counts from the moment at which a webhook was due. Exits with status 1 if any is refused.

    With --outcomes the leads arrive, are worked on and end while the days until now pass in fast motion. Their first
    webhook carries all that the hidden rule uses, and the ROC-AUC of the rule is printed at the end.
    """
    if days is not None and not outcomes:
        raise click.UsageError("--days belongs to --outcomes")
    from commands.progress import progress
    from workers.simulator import simulate
    from workers.simulator.decided_crm import DAYS

    configured = settings(state_dir)
    with progress("sending", max(1, round(rate * seconds))) as sent:
        report = simulate.simulate(
            configured,
            rate=rate,
            seconds=seconds,
            seed=seed,
            url=url,
            sent=sent,
            days=(days or DAYS) if outcomes else None,
        )
    if as_json:
        echo_json(report.as_json())
    else:
        echo(simulate.summary(report))
    if report.refused:
        raise Failed("not all webhooks were accepted")
