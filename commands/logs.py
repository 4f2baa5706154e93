from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from commands.options import Whole, json_option, resolved, state_dir_option
from commands.output import echo, echo_json


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from commands import log_reader

    programs = log_reader.programs(resolved(ctx.params.get("state_dir")))
    return [CompletionItem(name) for name in programs if name.startswith(incomplete)]


@click.command()
@click.argument("programs", metavar="[PROGRAM]...", nargs=-1, shell_complete=_complete)
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they are written; Ctrl-C ends it.")
@click.option(
    "--lines",
    type=Whole(0, 1_000_000),
    default=50,
    show_default=True,
    help="How many of the last lines, of all programs together.",
)
@json_option
@state_dir_option
def logs(programs: tuple[str, ...], follow: bool, lines: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the logs of the programs of `up`, in order of time.

    PROGRAM is api, scoring, upkeep, publisher, postgres, valkey or another; all of them if none is given.

    \b
    service6 logs api scoring -f
    """
    from commands import log_reader

    for line in log_reader.read(resolved(state_dir), programs, last=lines, follow=follow):
        if as_json:
            echo_json(line.as_json())
        else:
            echo(line.text())
