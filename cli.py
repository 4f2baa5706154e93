"""The command `service6`: imports the subcommand that is called, and no other."""

import click

from commands.group import LazyCommands, OneLineErrors

COMMANDS = LazyCommands(
    {
        "completion": "commands.completion:completion",
        "db": "commands.database:db",
        "dead-letters": "commands.dead_letters:dead_letters",
        "doctor": "commands.doctor:doctor",
        "import": "commands.imports:import_",
        "logs": "commands.logs:logs",
        "models": "commands.models:models",
        "open": "commands.sign_in:open_",
        "queues": "commands.queues:queues",
        "rescore": "commands.rescoring:rescore",
        "runs": "commands.runs:runs",
        "score": "commands.leads:score",
        "simulate": "commands.simulate:simulate",
        "sources": "commands.sources:sources",
        "token": "commands.tokens:token",
        "train": "commands.training:train",
        "up": "commands.up:up",
        "webhooks": "commands.webhooks:webhooks",
    }
)


@click.group(cls=OneLineErrors, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="service6")
def main() -> None:
    """Score CRM leads the moment they arrive, explain every score, and show changes live.

    Start with `service6 up --sample`, then open the address it prints.
    """


if __name__ == "__main__":
    main(prog_name="service6")
