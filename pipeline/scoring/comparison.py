"""Two scores of one lead -> the terms that moved between them."""

from collections.abc import Mapping

from pipeline.scoring.explain import DECIMALS, Term
from schemas.score import TermMove


def moves(before: Mapping[str, Term], after: Mapping[str, Term]) -> tuple[TermMove, ...]:
    """Terms by attribute -> those whose points differ, the largest difference first.

    A term that one of the two models does not have counts as nothing there.
    """
    found = []
    for attribute in {**before, **after}:
        old, new = before.get(attribute), after.get(attribute)
        points = round((new.points if new else 0.0) - (old.points if old else 0.0), DECIMALS)
        if points:
            found.append(
                TermMove(
                    attribute=attribute,
                    before=old.label if old else None,
                    after=new.label if new else None,
                    points=points,
                )
            )
    return tuple(sorted(found, key=lambda move: (-abs(move.points), move.attribute)))
