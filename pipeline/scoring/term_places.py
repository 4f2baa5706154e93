"""Finds the place in each term's table from the bins of a lead's features."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.scoring.features import Bins

Axis = tuple[int, Sequence[int]]  # a feature, and the row of the term's table that each of its bins stands for


class Layout:
    """The tables of all terms, read at once: for one lead, each call of numpy costs more than its work."""

    def __init__(self, terms: Sequence[Sequence[Axis]]) -> None:
        self._first = _Read([axes[0] for axes in terms])
        self._pairs = [n for n, axes in enumerate(terms) if len(axes) > 1]
        self._second = _Read([terms[n][1] for n in self._pairs])
        # A pair is stored row by row.
        self._strides = np.array([max(axes[1][1]) + 1 if len(axes) > 1 else 1 for axes in terms], np.intp)

    def places(self, bins: Bins) -> Bins:
        """The places (n, terms) for bins (n, features)."""
        places = self._first.rows(bins) * self._strides
        if self._pairs:
            places[:, self._pairs] += self._second.rows(bins)
        return places


class _Read:
    def __init__(self, axes: Sequence[Axis]) -> None:
        self._features = np.array([feature for feature, _ in axes], np.intp)
        self._rows = np.array([row for _, rows in axes for row in rows], np.intp)
        self._starts = starts(len(rows) for _, rows in axes)

    def rows(self, bins: Bins) -> Bins:
        return self._rows.take(bins.take(self._features, axis=1) + self._starts)


def starts(lengths: Iterable[int]) -> Bins:
    """Where each table begins if tables of these lengths are laid end to end."""
    ends = np.cumsum(np.array(list(lengths), np.intp))
    return np.concatenate([[0], ends[:-1]]).astype(np.intp)
