"""Click's group for `service6`: each command is imported when it is called, and every error is one line."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from commands.output import echo, replace_what_cannot_be_encoded, written
from pipeline.errors import GiveUp, Malformed, Misconfigured, Service6Error, TryAgain

INTERRUPTED = 130


class LazyCommands(UserDict[str, Any]):
    """Commands by name, from `module:attribute`; a module is imported when its command is called."""

    def __getitem__(self, name: str) -> click.Command:
        module, _, attribute = self.data[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class Failed(click.ClickException):
    """An expected error as one line."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        echo(f"service6: {' '.join(self.message.split())}", err=True)


class WronglyUsed(Failed):
    exit_code = 2


class OneLineErrors(click.Group):
    """Turns the project's errors, and click's, into one line and an exit status."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        replace_what_cannot_be_encoded()
        try:
            with _in_one_line(), written():  # click prints the help
                return super().make_context(info_name, args, parent, **extra)
        except GiveUp as error:
            raise Failed(str(error)) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _in_one_line(), written():  # click prints the help of a command
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
    """Turns click's error for a wrong command line into one line."""
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        message = " ".join(error.format_message().split()).rstrip(".")
        command = error.ctx.command_path if error.ctx else "service6"
        raise WronglyUsed(f"{message[0].lower()}{message[1:]}; see `{command} --help`") from None
