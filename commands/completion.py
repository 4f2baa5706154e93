from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from commands.output import written

PROGRAM = "service6"
VARIABLE = "_SERVICE6_COMPLETE"  # click looks for it when the program starts


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands with Tab.

    \b
    eval "$(service6 completion bash)"                                     # in ~/.bashrc
    eval "$(service6 completion zsh)"                                      # in ~/.zshrc
    service6 completion fish > ~/.config/fish/completions/service6.fish
    """
    writer = get_completion_class(shell)
    assert writer is not None  # noqa: S101 - click knows every shell of the choice above
    with written():
        click.echo(writer(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
