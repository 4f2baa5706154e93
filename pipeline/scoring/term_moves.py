"""Finds the terms that moved between two scores of a lead."""

from collections.abc import Iterable, Mapping

from pipeline.scoring import explain
from pipeline.scoring.explain import DECIMALS, Term
from pipeline.scoring.model import Model
from schemas.score import TermMove


def within(model: Model, before: bytes, after: bytes) -> tuple[TermMove, ...]:
    """The moves between two scores of this model, packed in their history: a term moved if its place did."""
    old, new = explain.unpack_places(before), explain.unpack_places(after)
    seen = zip(model.wordings, old[0], new[0], model.moved(old, new)[0].tolist(), strict=True)
    return _ordered(
        _move(wordings[was].attribute, wordings[was].label, wordings[now].label, points)
        for wordings, was, now, points in seen
    )


def across(before: Mapping[str, Term], after: Mapping[str, Term]) -> tuple[TermMove, ...]:
    """The moves between scores of two models, given as terms by attribute; a term that a model lacks counts as 0."""
    both = ((attribute, before.get(attribute), after.get(attribute)) for attribute in {**before, **after})
    return _ordered(
        _move(
            attribute,
            old.label if old else None,
            new.label if new else None,
            (new.points if new else 0.0) - (old.points if old else 0.0),
        )
        for attribute, old, new in both
    )


def _move(attribute: str, before: str | None, after: str | None, points: float) -> TermMove:
    return TermMove(attribute=attribute, before=before, after=after, points=round(points, DECIMALS))


def _ordered(moves: Iterable[TermMove]) -> tuple[TermMove, ...]:
    """The moves that are not zero, the largest first."""
    moved = (move for move in moves if move.points)
    return tuple(sorted(moved, key=lambda move: (-abs(move.points), move.attribute)))
