from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import LARGEST_ID, Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_json

if TYPE_CHECKING:
    from schemas.training import TrainingOptions


@click.command()
@click.option("--without", multiple=True, metavar="ATTRIBUTE", help="Attribute to leave out; repeatable.")
@click.option(
    "--trust", multiple=True, metavar="ATTRIBUTE", help="Attribute to keep although it reveals the outcome; repeatable."
)
@click.option(
    "--follow", type=Whole(1, LARGEST_ID), metavar="ID", help="Wait for this training instead of requesting one."
)
@json_option
@state_dir_option
def train(
    without: tuple[str, ...], trust: tuple[str, ...], follow: int | None, as_json: bool, state_dir: Path | None
) -> None:
    """Learn a model from leads whose outcome is known.

    Waits for the model's card; Ctrl-C ends the waiting, not the training. The newest fifth of the leads is the test.
    The model is a candidate: `service6 models promote` puts it in charge. Where a learned model is in charge already,
    a model that beats it by more than chance is promoted automatically (`learning.promote`). Leave out attributes
    that were written after the outcome: they spoil the model.
    """
    if follow is not None and (without or trust):
        raise click.UsageError("--follow waits for a training that exists; leave out --without and --trust")
    from commands import model_table, training_follower

    configured = settings(state_dir)
    training_id = follow or training_follower.request_training(configured, _options(without, trust))
    say = partial(echo, err=True)
    with training_follower.detach_on_interrupt(training_id, say):
        done = training_follower.follow(configured, training_id, say)
    version = str(done.version)
    card = training_follower.find_card(configured, version)
    if as_json:
        document = {"version": version, "card": card.model_dump(mode="json"), "training": done.model_dump(mode="json")}
        echo_json(json.dumps(document, indent=2))
    else:
        echo(f"{model_table.card_text(version, card)}\n{training_follower.contest_result(done)}")


def _options(without: tuple[str, ...], trust: tuple[str, ...]) -> TrainingOptions:
    from pydantic import ValidationError

    from schemas.training import TrainingOptions

    try:
        return TrainingOptions(without=without, trusted=trust)
    except ValidationError as error:
        raise click.UsageError(f"--without, --trust: {error.errors()[0]['msg']}") from None
