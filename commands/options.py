"""Options, arguments and settings that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.settings.loader import Settings
    from schemas.run import AttributeComparison

# Commands import what they need when they run: the help of one must not load the libraries of the others.

LARGEST_ID = 2**63 - 1

Command = TypeVar("Command", bound=Callable[..., Any])


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


class Condition(click.ParamType["AttributeComparison"]):
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


def settings(state_dir: Path | None) -> Settings:
    from pipeline.settings.loader import load

    return load(state_dir.resolve() if state_dir else None)


def resolved(state_dir: Path | None) -> Path:
    """The given state directory, else the default one."""
    from pipeline.settings.loader import default_state_dir

    return state_dir.resolve() if state_dir else default_state_dir()
