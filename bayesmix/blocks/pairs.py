"""Entries of a matrix by pairs of levels, and what theta makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.theta import Theta

__all__ = ["Pairs", "pairs_of", "scaled_entries"]


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Entries of pairs of levels of two factors, or of levels and the corner."""

    row: int | None  # factor, None for the corner
    column: int
    entries: IntArray  # (q_row, q_column, n), or (p + 1, q_column, n)


def pairs_of(
    places: IntArray, n_columns: int, factors: Sequence[int], shapes: Sequence[tuple[int, int]]
) -> tuple[Pairs, ...]:
    """Sort entries by pairs of factors.

    Parameters
    ----------
    places : ndarray of int64, shape (E,)
        Of the entries in the flat lower triangle of `n_columns` columns.
    n_columns : int
    factors : sequence of int
    shapes : sequence of (int, int)
        Levels and effects of each factor, whose columns come one after the other; the rest are
        those of the corner.
    """
    order = np.argsort(places)
    keys = places[order]
    row, column = keys // n_columns, keys % n_columns
    first = np.cumsum([0, *(J * q for J, q in shapes)])
    factor = np.searchsorted(first[1:], np.arange(n_columns), side="right")
    effects = np.array([*(q for _, q in shapes), 1])
    # The first entry of each pair; of the corner that of its first column.
    is_first = row <= first[-1]
    for place in (row, column):
        is_first &= (place - first[factor[place]]) % effects[factor[place]] == 0
    found = []
    for f, t in enumerate([*factors, None]):
        n_rows = effects[f] if t is not None else n_columns - first[-1]
        for g in range(min(f + 1, len(factors))):
            use = is_first & (factor[row] == f) & (factor[column] == g)
            a = row[use] + np.arange(n_rows)[:, None, None]
            b = column[use] + np.arange(effects[g])[:, None]
            key = np.maximum(a, b) * n_columns + np.minimum(a, b)
            found.append(Pairs(t, factors[g], order[np.searchsorted(keys, key)]))
    return tuple(found)


def scaled_entries(pairs: Sequence[Pairs], entries: FloatArray, theta: Theta) -> FloatArray:
    """``L' S L`` and ``L' border`` (E, B), by element, for all pairs of levels at once."""
    scaled = np.empty(entries.shape)
    for pair in pairs:
        values = list(entries[pair.entries])
        if pair.row is not None:
            values = _times(values, theta.scale[pair.row])
        scale = theta.scale[pair.column]
        for places, row in zip(pair.entries, values, strict=True):
            for place, value in zip(places, _times(list(row), scale), strict=True):
                scaled[place] = value
    return scaled


def _times(values: Sequence[FloatArray], scale: FloatArray) -> list[FloatArray]:
    """``L' values``, L (B, q, q) lower triangular, the values (..., B) one of each effect."""
    q = len(values)
    sums = []
    for a in range(q):
        total = scale[:, a, a] * values[a]
        for c in range(a + 1, q):
            total = total + scale[:, c, a] * values[c]
        sums.append(total)
    return sums
