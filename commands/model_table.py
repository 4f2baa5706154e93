"""Model versions as an operator compares and promotes them in a terminal."""

from collections.abc import Sequence

from commands.actor import actor
from pipeline.printable import printable_lines
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions
from pipeline.storage.models.champions import ChampionChange, Listed
from schemas.model_card import ModelCard, Quality, Window
from workers.command_services import command_services

LIMIT = 10  # terms and reasons of a card
RESCORE = "`service6 rescore` renews them"


def list_models(settings: Settings) -> list[Listed]:
    with command_services(settings) as services, services.reading() as db:
        return champions.listed(db)


def find_card(settings: Settings, version: str) -> ModelCard:
    with command_services(settings) as services, services.reading() as db:
        return ModelCard.model_validate(champions.find(db, version).card)


def promote(settings: Settings, version: str, *, anyway: bool) -> str:
    """Raises GiveUp, and changes nothing, if the model is damaged, or not ready and not wanted anyway."""
    from pipeline.services import model_promotion

    with command_services(settings) as services:
        with services.session() as db:
            handover = model_promotion.promote(db, version, actor=actor(), anyway=anyway)
        if handover.before == version:
            return f"{version} is in charge already"
        with services.reading() as db:
            return _handed_over(handover, champions.stale(db))


def revert(settings: Settings) -> str:
    from pipeline.services import model_promotion

    with command_services(settings) as services:
        with services.session() as db:
            handover = model_promotion.revert(db, actor=actor())
        with services.reading() as db:
            return _handed_over(handover, champions.stale(db))


def _handed_over(handover: ChampionChange, stale: int) -> str:
    message = f"{handover.now or 'the scorecard'} is in charge, instead of {handover.before or 'the scorecard'}"
    return f"{message}\n{stale:,} leads bear another version's score; {RESCORE}" if stale else message


def text(rows: Sequence[Listed]) -> str:
    if not rows:
        return "no learned models; the scorecard is in charge (`service6 train` learns one)"
    lines = [f"{'version':<20}{'stage':<11}{'state':<11}{'ROC-AUC':>8}{'leads':>10}  trained"]
    for row in rows:
        lines.append(
            f"{row.version:<20}{row.stage:<11}{row.readiness:<11}{row.roc_auc:>8.3f}{row.leads:>10,}"
            f"  {row.created_at:%Y-%m-%d %H:%M}"
        )
    return printable_lines(lines)


def card_text(version: str, card: ModelCard) -> str:
    quality = card.quality
    lines = [
        f"{version}: {card.readiness}, by {card.method}",
        f"trained on {_window(card.trained_on, card.sampled)}, tested on the newest "
        f"{_window(card.tested_on, card.test_sampled)}",
        f"ROC-AUC {quality.roc_auc:.3f} (at least {quality.roc_auc_low:.3f}), calibration error "
        f"{quality.calibration_error:.3f}",
        _best_tenth(quality),
        *(f"  note: {reason}" for reason in card.reasons[:LIMIT]),
        "most important: " + ", ".join(term.attribute for term in card.importances[:LIMIT]),
    ]
    lines += [f"  left out: {out.attribute}, {out.reason}" for out in card.left_out]
    return printable_lines(lines)


def _best_tenth(quality: Quality) -> str:
    """Only figures of the tested leads: the base rate of the card counts the others as well."""
    ratio = f"best tenth of the tested leads: won {quality.lift_at_tenth:.2f} times as often as all of them"
    if quality.won_share is None or quality.won_share_at_tenth is None:
        return ratio
    return f"{ratio} ({quality.won_share_at_tenth:.1%} against {quality.won_share:.1%})"


def _window(window: Window, sampled: int | None) -> str:
    drawn = f", {sampled:,} of them drawn" if sampled else ""
    return f"{window.leads:,} leads ({window.won:,} won{drawn})"
