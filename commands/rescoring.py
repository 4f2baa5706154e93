from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.options import Condition, Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_json
from commands.runs import show_run
from schemas.score import Tier

if TYPE_CHECKING:
    from schemas.run import AttributeComparison, RunRequest


@click.command()
@click.option("--source", "sources", multiple=True, help="Leads of this source; repeatable, like the other filters.")
@click.option(
    "--tier", "tiers", multiple=True, type=click.Choice([tier.value for tier in Tier]), help="Leads with this tier."
)
@click.option("--owner", "owners", multiple=True, help="Leads of this owner, as the page shows it.")
@click.option("--stage", "stages", multiple=True, help="Leads at this stage.")
@click.option("--changed-before", type=click.DateTime(), help="Leads whose score is older (UTC).")
@click.option("--where", multiple=True, type=Condition(), help="Leads with such an attribute: 'budget >= 50000'.")
@click.option("--model", metavar="VERSION", help="Model to score with.  [default: the one in charge]")
@click.option("--force", is_flag=True, help="Use the model even if its card says that it is not ready.")
@click.option("--rate", type=Whole(1, 10_000_000), help="Leads a second at most.  [default: no limit]")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--wait/--no-wait", default=True, help="Wait for the end of the run, or return at once.  [default: wait]")
@json_option
@state_dir_option
def rescore(
    sources: tuple[str, ...],
    tiers: tuple[str, ...],
    owners: tuple[str, ...],
    stages: tuple[str, ...],
    changed_before: datetime | None,
    where: tuple[AttributeComparison, ...],
    model: str | None,
    force: bool,
    rate: int | None,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Score saved leads again, all or those that meet every filter.

    The workers run it; Ctrl-C ends the waiting, not the run. Live scoring has priority.

    \b
    service6 rescore --dry-run
    service6 rescore --source hubspot --tier B --where 'budget >= 50000'
    """
    from commands import run_follower, run_table

    chosen = {"sources": sources, "owners": owners, "stages": stages, "where": where}
    request = _request(
        {**chosen, "tiers": tuple(map(Tier, tiers)), "changed_before": changed_before},
        {"model_version": model, "rate": rate, "force": force},
    )
    configured = settings(state_dir)
    if not dry_run:
        show_run(run_follower.begin(configured, request, wait=wait), as_json)
        return
    preview = run_follower.preview(configured, request)
    if as_json:
        echo_json(preview.model_dump_json(indent=2))
    else:
        echo(run_table.preview_text(preview))


def _request(chosen: dict[str, Any], more: dict[str, Any]) -> RunRequest:
    from pydantic import ValidationError

    from schemas.run import LeadFilter, RunRequest

    before = chosen["changed_before"]
    try:
        scope = LeadFilter(**{**chosen, "changed_before": before and before.replace(tzinfo=UTC)})
        return RunRequest(filter=scope, **more)
    except ValidationError as error:
        first = error.errors()[0]
        raise click.UsageError(f"--{str(first['loc'][0]).removesuffix('s')}: {first['msg']}") from None
