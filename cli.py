"""The command `service6`: parse, call one function, print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.exceptions import NoArgsIsHelpError
from pydantic import ValidationError

from pipeline.errors import Malformed, Misconfigured, Service6Error, TryAgain
from schemas.access import Role
from schemas.run import AttributeComparison, LeadFilter, Run, RunAction, RunRequest, RunState
from schemas.score import Tier

# Commands import what they need when they run: `up` stays in memory for as long as the system runs.

INTERRUPTED = 130

Command = TypeVar("Command", bound=Callable[..., Any])


class Failed(click.ClickException):
    """An expected error as one line."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"service6: {self.message}", err=True)


class WronglyUsed(Failed):
    exit_code = 2


class Operators(click.Group):
    """Turns the project's errors, and click's, into one line and an exit status."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _in_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _in_one_line():
                return super().invoke(ctx)
        except (Misconfigured, Malformed) as error:
            raise WronglyUsed(str(error)) from None
        except TryAgain as error:
            raise Failed(f"{error}; `service6 doctor` says what is wrong") from None
        except Service6Error as error:
            raise Failed(str(error)) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What click says of a wrong command line, without its paragraphs."""
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        told = " ".join(error.format_message().split()).rstrip(".")
        command = error.ctx.command_path if error.ctx else "service6"
        raise WronglyUsed(f"{told[0].lower()}{told[1:]}; see `{command} --help`") from None


class Whole(click.IntRange):
    name = "integer"


class Real(click.FloatRange):
    name = "number"


class Expiry(click.ParamType[timedelta]):
    name = "12h"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from commands.token_lifetime import token_lifetime

        try:
            return token_lifetime(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Condition(click.ParamType[AttributeComparison]):
    name = "'budget >= 50000'"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AttributeComparison:
        from commands.run_table import comparison

        try:
            return comparison(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def state_dir_option(command: Command) -> Command:
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where `up` keeps its servers, secrets and logs.  [default: $SERVICE6_STATE_DIR, else .service6]",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def letter_arguments(command: Command) -> Command:
    """Which dead letters, and how to answer."""
    command = json_option(state_dir_option(command))
    command = click.option("--all", "every", is_flag=True, help="All there are.")(command)
    return click.argument("ids", metavar="[ID]...", nargs=-1, type=Whole(1, 2**63 - 1))(command)


@click.group(cls=Operators, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="service6")
def main() -> None:
    """Scores CRM leads the moment they arrive, explains every score, and shows changes live.

    Start with `service6 up --sample`, then open the address it prints.
    """


@main.command()
@click.option("--sample", is_flag=True, help="Add a simulated CRM, so that there is something to see.")
@click.option("--host", help="Address that the API listens on.  [default: 127.0.0.1]")
@click.option("--port", type=Whole(1, 65535), help="Port of the API and the page.  [default: 8000]")
@click.option("--flower-port", type=Whole(1, 65535), help="Port of Flower.  [default: 5555]")
@state_dir_option
def up(sample: bool, host: str | None, port: int | None, flower_port: int | None, state_dir: Path | None) -> None:
    """Run the whole system in this terminal; Ctrl-C stops it.

    PostgreSQL and Redis are started too, unless DATABASE_URL and REDIS_URL say where they are.
    """
    from pipeline.settings.loader import default_state_dir
    from workers.supervisor import up

    directory = state_dir.resolve() if state_dir else default_state_dir()
    up.up(directory, sample=sample, host=host, port=port, flower_port=flower_port)


@main.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@state_dir_option
def db_upgrade(state_dir: Path | None) -> None:
    """Bring the database to the newest schema; `up` does it by itself."""
    from commands.schema_checks import upgrade

    applied = upgrade(_settings(state_dir))
    click.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@main.command()
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What its bearer may see."
)
@click.option("--owner", "owners", multiple=True, help="Whose leads an agent sees, as the CRM names them; repeatable.")
@click.option(
    "--expires", type=Expiry(), help="How long it is good: 90s, 30m, 12h, 7d.  [default: 12h; a monitor's 3650d]"
)
@click.option("--sub", default="operator", show_default=True, help="Whom it is for.")
@click.option("--link", is_flag=True, help="Print the page's address that signs in with it instead.")
@state_dir_option
def token(
    role: str, owners: tuple[str, ...], expires: timedelta | None, sub: str, link: bool, state_dir: Path | None
) -> None:
    """Print an access token for the API, the feed and the page.

    \b
    curl -H "Authorization: Bearer $(service6 token --role admin)" http://127.0.0.1:8000/api/v1/leads
    service6 token --role agent --owner "Ada Lovelace" --expires 7d --link
    service6 token --role monitor  # for Prometheus and probes: /metrics, /health and /health/ready only
    """
    from commands import token_lifetime

    if (role == Role.AGENT) != bool(owners):
        raise click.UsageError("an agent needs --owner, and no other role takes it: the others see everybody's leads")
    if link and Role(role).is_machine:
        raise click.UsageError("a monitor's token does not open the page: leave out --link")
    settings = _settings(state_dir)
    minted = token_lifetime.token(settings, Role(role), owners=owners, sub=sub, expires=expires)
    click.echo(token_lifetime.sign_in_link(settings, minted) if link else minted)


@main.group("import")
def import_() -> None:
    """Bring in what other systems know."""


@import_.command("leads")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of the system that the leads come from.")
@click.option("--id", "id_", required=True, metavar="COLUMN", help="Column with the lead's id in that system.")
@click.option("--outcome", metavar="COLUMN", help="Column that tells how the lead ended.")
@click.option("--won", metavar="VALUE", help="What it says of a lead that was won; anything else was lost.")
@click.option("--created", metavar="COLUMN", help="Column with the time that the row is true of.  [default: now]")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Column to leave out; repeatable.")
@json_option
@state_dir_option
def import_leads(
    file: Path,
    source: str,
    id_: str,
    outcome: str | None,
    won: str | None,
    created: str | None,
    drop: tuple[str, ...],
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Import leads from a CSV file (UTF-8; the separator is found out).

    New leads are saved, known ones changed where the row is newer; the same file twice changes nothing. Rows that
    cannot be taken go to FILE.rejects.csv with the reason. Drop columns that tell the outcome: of a new lead they
    are not known.

    \b
    service6 import leads leads.csv --source crm --id "Prospect ID" --outcome Converted --won 1 --drop Tags
    """
    from commands.progress import progress
    from pipeline.importing.csv_rows import Layout
    from workers.importer import importer

    if (outcome is None) != (won is None):
        raise click.UsageError("--outcome and --won belong together")
    layout = Layout(id_, outcome, won, created, drop)
    opened = importer.open_file(_settings(state_dir), file, source=source, layout=layout)
    with opened as work, progress("importing", work.survey()) as step:
        counts = work.run(step)
    click.echo(json.dumps(asdict(counts), indent=2) if as_json else importer.summary(counts, work))


@main.command()
@click.option("--rate", type=Real(0, 10_000, min_open=True), default=10, show_default=True, help="Webhooks a second.")
@click.option("--seconds", type=Real(0, 86_400, min_open=True), default=10, show_default=True, help="For how long.")
@click.option("--url", help="The API's address.  [default: that of `up`, else what is configured]")
@click.option("--seed", type=int, help="The same seed invents the same leads.  [default: another each time]")
@click.option("--outcomes", is_flag=True, help="Leads that are won or lost by a hidden rule, to see what is learned.")
@click.option("--days", type=Real(0, 3650, min_open=True), help="How many of theirs pass meanwhile.  [default: 90]")
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
    """Send signed webhooks of invented leads to what runs here.

    Latency counts from the moment a webhook was due. Fails if any is refused.

    With --outcomes leads arrive, are worked on and end while the days until now pass in fast motion; what the rule
    knows of them is told with their first webhook, and its ROC-AUC is printed in the end.
    """
    if days is not None and not outcomes:
        raise click.UsageError("--days belongs to --outcomes")
    from commands.progress import progress
    from workers.simulator import simulate
    from workers.simulator.decided_crm import DAYS

    settings = _settings(state_dir)
    with progress("sending", max(1, round(rate * seconds))) as sent:
        report = simulate.simulate(
            settings,
            rate=rate,
            seconds=seconds,
            seed=seed,
            url=url,
            sent=sent,
            days=(days or DAYS) if outcomes else None,
        )
    click.echo(report.as_json() if as_json else simulate.summary(report))
    if report.refused:
        raise Failed("not all webhooks were accepted")


@main.command()
@click.argument("lead", metavar="ID")
@json_option
@state_dir_option
def score(lead: str, as_json: bool, state_dir: Path | None) -> None:
    """Show a lead's score and what it is made of.

    ID is the lead's number, or the id that it has in its own system; SOURCE:ID where several have the same.
    """
    from commands import score_sheet

    found = score_sheet.find(_settings(state_dir), lead)
    click.echo(found.model_dump_json(indent=2) if as_json else score_sheet.text(found))


@main.command()
@click.option("--without", multiple=True, metavar="ATTRIBUTE", help="Attribute to leave out; repeatable.")
@click.option(
    "--trust", multiple=True, metavar="ATTRIBUTE", help="Keep it though it tells the outcome alone; repeatable."
)
@click.option("--follow", type=Whole(1, 2**63 - 1), metavar="ID", help="Ask for none; wait for this one.")
@json_option
@state_dir_option
def train(
    without: tuple[str, ...], trust: tuple[str, ...], follow: int | None, as_json: bool, state_dir: Path | None
) -> None:
    """Learn a model from leads whose outcome is known.

    Waits for its card; Ctrl-C leaves the training going. The newest fifth is the test. The model is a candidate:
    `service6 models promote` puts it in charge, and where a learned model is in charge already, one that beats it by
    more than chance is promoted by itself (`learning.promote`). Attributes that were written after the outcome spoil
    it: leave them out.
    """
    from commands import model_table, training_follower

    if follow is not None and (without or trust):
        raise click.UsageError("--follow waits for a training as it was asked for; leave --without and --trust out")
    settings = _settings(state_dir)
    training_id = follow or training_follower.request_training(settings, _wishes(without, trust))
    say = partial(click.echo, err=True)
    with training_follower.detach_on_interrupt(training_id, say):
        done = training_follower.follow(settings, training_id, say)
    version = str(done.version)
    card = training_follower.card(settings, version)
    if as_json:
        told = {"version": version, "card": card.model_dump(mode="json"), "training": done.model_dump(mode="json")}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"{model_table.card_text(version, card)}\n{training_follower.contest_result(done)}")


def _wishes(without: tuple[str, ...], trust: tuple[str, ...]) -> Any:
    from schemas.training import TrainingOptions

    try:
        return TrainingOptions(without=without, trusted=trust)
    except ValidationError as error:
        raise click.UsageError(f"--without, --trust: {error.errors()[0]['msg']}") from None


@main.group(invoke_without_command=True)
@json_option
@state_dir_option
@click.pass_context
def models(ctx: click.Context, as_json: bool, state_dir: Path | None) -> None:
    """Learned models: list them, compare them, put one in charge."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(models_list, as_json=as_json, state_dir=state_dir)


@models.command("list")
@json_option
@state_dir_option
def models_list(as_json: bool, state_dir: Path | None) -> None:
    """Show the learned models, the newest first."""
    from commands import model_table

    found = model_table.look(_settings(state_dir))
    told = [one._asdict() for one in found]
    click.echo(json.dumps(told, indent=2, default=str) if as_json else model_table.text(found))


@models.command("trainings")
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="The newest so many.")
@json_option
@state_dir_option
def models_trainings(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the trainings that were asked for, and what came of them."""
    from commands import training_follower

    found = training_follower.list_trainings(_settings(state_dir), limit)
    click.echo(_json(found) if as_json else training_follower.text(found))


@models.command("show")
@click.argument("version")
@json_option
@state_dir_option
def models_show(version: str, as_json: bool, state_dir: Path | None) -> None:
    """Show a model's card: how good it is, and what counts."""
    from commands import model_table

    card = model_table.card(_settings(state_dir), version)
    click.echo(card.model_dump_json(indent=2) if as_json else model_table.card_text(version, card))


@models.command()
@click.argument("version")
@click.option("--anyway", is_flag=True, help="Though its card says that it is not ready.")
@state_dir_option
def promote(version: str, anyway: bool, state_dir: Path | None) -> None:
    """Put a model in charge of all leads that change from now on."""
    from commands import model_table

    click.echo(model_table.promote(_settings(state_dir), version, anyway=anyway))


@models.command()
@state_dir_option
def revert(state_dir: Path | None) -> None:
    """Put back what was in charge before."""
    from commands import model_table

    click.echo(model_table.revert(_settings(state_dir)))


@main.command()
@click.option("--source", "sources", multiple=True, help="Of leads from this source; repeatable, as the others are.")
@click.option(
    "--tier", "tiers", multiple=True, type=click.Choice([tier.value for tier in Tier]), help="With this tier."
)
@click.option("--owner", "owners", multiple=True, help="Of this owner, as the page shows it.")
@click.option("--stage", "stages", multiple=True, help="At this stage.")
@click.option("--changed-before", type=click.DateTime(), help="Whose score is older (UTC).")
@click.option("--where", multiple=True, type=Condition(), help="With an attribute like this, as 'budget >= 50000'.")
@click.option("--model", metavar="VERSION", help="By this model.  [default: the one in charge]")
@click.option("--force", is_flag=True, help="Though the model's card says that it is not ready.")
@click.option("--rate", type=Whole(1, 10_000_000), help="Leads a second at most.  [default: as fast as it can]")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and write nothing.")
@click.option("--wait/--no-wait", default=True, help="Follow it to its end, or begin it and return.  [default: wait]")
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
    """Score saved leads anew, all or those that meet every filter.

    The workers do it; Ctrl-C stops following it, not the run. Live scoring goes first.

    \b
    service6 rescore --dry-run
    service6 rescore --source hubspot --tier B --where 'budget >= 50000'
    """
    from commands import run_follower, run_table

    try:
        chosen = LeadFilter(
            sources=sources,
            tiers=tuple(Tier(tier) for tier in tiers),
            owners=owners,
            stages=stages,
            changed_before=changed_before and changed_before.replace(tzinfo=UTC),
            where=where,
        )
        asked = RunRequest(filter=chosen, model_version=model, rate=rate, force=force)
    except ValidationError as error:
        first = error.errors()[0]
        raise click.UsageError(f"--{str(first['loc'][0]).removesuffix('s')}: {first['msg']}") from None
    settings = _settings(state_dir)
    if dry_run:
        found = run_follower.preview(settings, asked)
        click.echo(found.model_dump_json(indent=2) if as_json else run_table.preview_text(found))
    else:
        _tell_run(run_follower.begin(settings, asked, wait=wait), as_json)


@main.group(invoke_without_command=True)
@click.option("--limit", type=Whole(1, 1000), default=20, show_default=True, help="The newest so many.")
@json_option
@state_dir_option
@click.pass_context
def runs(ctx: click.Context, limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Rescoring runs: list, show, pause, resume, cancel, retry."""
    if ctx.invoked_subcommand is None:
        from commands import run_table

        found = run_table.look(_settings(state_dir), limit)
        click.echo(_json(found) if as_json else run_table.table(found))


@runs.command("show")
@click.argument("run", type=Whole(1, 2**63 - 1))
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@json_option
@state_dir_option
def runs_show(run: int, wait: bool, as_json: bool, state_dir: Path | None) -> None:
    """Show how far a run has come, and what it stumbled over."""
    from commands import run_follower, run_table

    settings = _settings(state_dir)
    found = run_follower.follow(settings, run) if wait else run_table.show(settings, run)
    _tell_run(found, as_json)


def _steering(deed: RunAction, about: str) -> None:
    @runs.command(deed, help=about)
    @click.argument("run", type=Whole(1, 2**63 - 1))
    @json_option
    @state_dir_option
    def steer(run: int, as_json: bool, state_dir: Path | None) -> None:
        from commands import run_table

        _tell_run(run_table.steer(_settings(state_dir), run, deed), as_json)


_steering("pause", "Let whoever works on it end its step; nobody begins another.")
_steering("resume", "Go on with a paused run.")
_steering("cancel", "End a run for good; what it has written stays.")
_steering("retry", "Go on with a failed run, with all attempts.")


@main.group()
def webhooks() -> None:
    """What CRMs send."""


@webhooks.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of the source whose webhook it is.")
@json_option
@state_dir_option
def webhooks_try(file: Path, source: str, as_json: bool, state_dir: Path | None) -> None:
    """Show what a webhook's body would become.

    Nothing is stored, and no signature asked for.

    \b
    service6 webhooks try saved-body.json --source hubspot
    """
    from commands import webhook_trial

    trials = webhook_trial.attempt(_settings(state_dir), file, source)
    click.echo(webhook_trial.as_json(trials) if as_json else webhook_trial.text(trials))


@main.command()
@json_option
@state_dir_option
def queues(as_json: bool, state_dir: Path | None) -> None:
    """Show what waits, what runs, and what is owed a score."""
    from commands import queue_table

    work = queue_table.look(_settings(state_dir))
    click.echo(json.dumps(work.as_dict(), indent=2) if as_json else queue_table.text(work))


@main.group("dead-letters", invoke_without_command=True)
@json_option
@state_dir_option
@click.pass_context
def dead_letters(ctx: click.Context, as_json: bool, state_dir: Path | None) -> None:
    """Work whose last attempt failed: list, replay, discard it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(dead_letters_list, as_json=as_json, state_dir=state_dir)


@dead_letters.command("list")
@click.option("--limit", type=Whole(1, 10_000), default=50, show_default=True, help="The newest so many.")
@json_option
@state_dir_option
def dead_letters_list(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the newest; with --json each with its whole error."""
    from commands import dead_letter_table

    found = dead_letter_table.look(_settings(state_dir), limit)
    click.echo(_json(found) if as_json else dead_letter_table.text(found))


@dead_letters.command()
@letter_arguments
def replay(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Try again: the leads wait for a score with all their attempts."""
    from commands import dead_letter_table

    settled = dead_letter_table.replay(_settings(state_dir), _chosen(ids, every))
    click.echo(_json(settled) if as_json else dead_letter_table.summary(settled))


@dead_letters.command()
@letter_arguments
def discard(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Give up for good: the leads are scored again when they change."""
    from commands import dead_letter_table

    settled = dead_letter_table.discard(_settings(state_dir), _chosen(ids, every))
    click.echo(_json(settled) if as_json else dead_letter_table.summary(settled))


@main.command()
@json_option
@state_dir_option
def doctor(as_json: bool, state_dir: Path | None) -> None:
    """Check servers, processes and settings; say how to mend them.

    Fails if anything is bad; a warning is no failure.
    """
    from commands import diagnosis as examination

    findings = examination.examine(state_dir.resolve() if state_dir else None)
    click.echo(json.dumps(examination.as_json(findings), indent=2) if as_json else examination.report(findings))
    if not examination.is_well(findings):
        raise click.exceptions.Exit(Failed.exit_code)


def _tell_run(found: Run, as_json: bool) -> None:
    """Fails if the run has."""
    from commands import run_table

    click.echo(found.model_dump_json(indent=2) if as_json else run_table.sheet(found))
    if found.state == RunState.FAILED:
        raise click.exceptions.Exit(Failed.exit_code)


def _chosen(ids: tuple[int, ...], every: bool) -> tuple[int, ...]:
    if bool(ids) == every:
        raise click.UsageError("name the dead letters by their ids, or all of them with --all")
    return ids


def _json(found: Sequence[Any]) -> str:
    return json.dumps([one.model_dump(mode="json") for one in found], indent=2)


def _settings(state_dir: Path | None) -> Any:
    from pipeline.settings.loader import load

    return load(state_dir.resolve() if state_dir else None)


if __name__ == "__main__":
    main(prog_name="service6")
