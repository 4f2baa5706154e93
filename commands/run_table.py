"""Rescoring runs as an operator starts, follows and controls them in a terminal."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from redis.exceptions import RedisError

from commands.actor import actor
from pipeline.errors import GiveUp, TryAgain
from pipeline.printable import printable_lines
from pipeline.redis_store import worker_heartbeat
from pipeline.settings.loader import Settings
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.run import ACTIVE, AttributeComparison, LeadFilter, Preview, Run, RunAction, RunRequest, RunState
from workers.command_services import command_services

POLL_S = 0.25
OPERATORS = ("<=", ">=", "!=", "=", "<", ">")  # the longer ones first

OnChange = Callable[[Run], None]


def comparison(text: str) -> AttributeComparison:
    """Parse `budget >= 50000` or `city = Lisbon`. Raises ValueError for anything else."""
    place, operator = min(
        ((text.find(sign), -len(sign), sign) for sign in OPERATORS if sign in text), default=(0, 0, "")
    )[::2]
    name, value = text[:place].strip(), text[place + len(operator) :].strip()
    if not operator or not name or not value:
        raise ValueError("write an attribute, one of = != < <= > >=, and a value, for example 'budget >= 50000'")
    try:
        return AttributeComparison(attribute=name, operator=operator, value=float(value))
    except ValueError:
        return AttributeComparison(attribute=name, operator=operator, value=value)


def begin(settings: Settings, request: RunRequest) -> tuple[Run, bool]:
    """Start a run; returns it, and whether a worker takes its queue."""
    from pipeline.services import run_actions

    with command_services(settings) as services:
        with services.session() as db:
            run = run_actions.begin_run(services, db, request, actor())
        with suppress(RedisError):
            return run, bool(worker_heartbeat.alive_queues(services.redis, ["rescoring"]))
        return run, False


def preview(settings: Settings, request: RunRequest, step: Callable[[int], None]) -> Preview:
    from pipeline.services import start_run

    with command_services(settings) as services:
        return start_run.preview(services, request, step)


def leads_in_scope(settings: Settings) -> int:
    with command_services(settings) as services, services.reading() as db:
        return rescore_runs.count(db, LeadFilter(), 0)


def list_runs(settings: Settings, limit: int) -> list[Run]:
    with command_services(settings) as services, services.reading() as db:
        return rescore_runs.page(db, limit)


def show(settings: Settings, run_id: int) -> Run:
    with command_services(settings) as services:
        return _find(services, run_id)


def follow(settings: Settings, run_id: int, on_change: OnChange) -> Run:
    """Wait for the end of the run; calls `on_change` with its state every quarter of a second."""
    with command_services(settings) as services:
        while True:
            with suppress(TryAgain):  # the run survives a restart of the server
                run = _find(services, run_id)
                on_change(run)
                if run.state not in ACTIVE:
                    return run
            time.sleep(POLL_S)


def apply_action(settings: Settings, run_id: int, action: RunAction) -> Run:
    from pipeline.services import run_actions

    with command_services(settings) as services, services.session() as db:
        return run_actions.apply_action(db, run_id, action, actor(), window=settings.rescoring.window)


def table(runs: Sequence[Run]) -> str:
    if not runs:
        return "no runs yet; `service6 rescore` starts one"
    lines = [f"{'run':>6}  {'state':<10}{'done':>12}{'of':>12}{'changed':>12}  {'model':<20}  {'started':<16}  by"]
    lines += [
        f"{run.id:>6}  {run.state:<10}{run.leads_done:>12,}{run.leads_total:>12,}{run.leads_changed:>12,}"
        f"  {run.model_version:<20}  {run.created_at:%Y-%m-%d %H:%M}  {run.reason}"
        for run in runs
    ]
    return printable_lines(lines)


def sheet(run: Run) -> str:
    lines = [
        f"run {run.id}: {run.state}, {run.leads_done:,} of {run.leads_total:,} leads, {run.leads_changed:,} changed, "
        f"{run.tiers_changed:,} with another tier",
        f"  by {run.model_version}, as of {_moment(run.as_of)}; started {_moment(run.created_at)} by {run.actor}",
    ]
    chosen = filter_words(run.filter)
    if chosen:
        lines.append(f"  leads with {chosen}")
    if run.leads_per_second and run.state in (*ACTIVE, RunState.DONE):
        left = f", {run.seconds_left:,.0f} s left" if run.seconds_left is not None else ""
        lines.append(f"  {run.leads_per_second:,.0f} leads/s{left}")
    if run.error:
        lines.append(f"  {run.error}")
    if run.state == RunState.FAILED:
        lines.append(f"  when that is mended: service6 runs retry {run.id}")
    return printable_lines(lines)


def preview_text(preview: Preview) -> str:
    lines = [
        f"{preview.leads_changed:,} of {preview.leads:,} leads would change, {preview.tiers_changed:,} of them "
        f"their tier (by {preview.model_version}); nothing was written"
    ]
    lines += [f"  {move.before} -> {move.after}  {move.leads:>10,}" for move in preview.tier_moves]
    widest = max((bucket.leads for bucket in preview.deltas), default=0)
    for bucket in preview.deltas if widest else ():
        upper = "more" if bucket.high is None else f"{bucket.high:g}"
        lines.append(
            f"  by {bucket.low:>2g} to {upper:<4} {bucket.leads:>10,}  {'█' * round(40 * bucket.leads / widest)}"
        )
    return printable_lines(lines)


def filter_words(where: LeadFilter) -> str:
    """`source a or b, tier A`; empty for all leads."""
    words = [
        f"{name} {' or '.join(values)}"
        for name, values in (
            ("source", where.sources),
            ("tier", where.tiers),
            ("owner", where.owners),
            ("stage", where.stages),
        )
        if values
    ]
    words += [f"{condition.attribute} {condition.operator} {_plain(condition.value)}" for condition in where.where]
    if where.changed_before:
        words.append(f"a score from before {_moment(where.changed_before)}")
    if where.changed_since:
        words.append(f"a score from {_moment(where.changed_since)} or later")
    if where.other_model:
        words.append("a score of another model")
    return ", ".join(words)


def _plain(value: float | str) -> str:
    return f"{value:,.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _find(services: Services, run_id: int) -> Run:
    with services.reading() as db:
        run = rescore_runs.find(db, run_id)
    if run is None:
        raise GiveUp(f"there is no run {run_id}; `service6 runs` lists all")
    return run


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
