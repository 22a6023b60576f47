"""What was probably not meant, as far as sums over rows tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayesmix.base.words import count
from bayesmix.design.columnsums import ColumnSums, RowColumns
from bayesmix.design.design import Design
from bayesmix.frames.values import listed

__all__ = ["notes_of"]

# Share of a column's variance that the columns before it must leave unexplained.
_TOLERANCE = 1e-11


def notes_of(design: Design) -> tuple[str, ...]:
    """Find columns that only priors speak of, and factors with a level for each row."""
    return (*_columns(design), *_factors(design))


def _columns(design: Design) -> Iterator[str]:
    columns = design.columns
    assert isinstance(columns, ColumnSums)
    first = int(design.has_intercept)
    varies = columns.low < columns.high
    for k, term in enumerate(design.terms[first:], first):
        if not varies[k] and (design.has_intercept or columns.low[k] == 0):
            yield (
                f"Column '{term}' is constant ({columns.low[k]:g} in every row), so only its prior "
                "speaks. Leave it out."
            )
    names = [design.terms[k] for k in _dependent(columns, varies)]
    if names and design.has_intercept:
        are = "is a linear combination" if len(names) == 1 else "are linear combinations"
        yield (
            f"{listed(map(repr, names), 5)} {are} of the columns before, so the data cannot tell "
            "their effects apart and only the priors do. Leave out what stands twice."
        )


def _dependent(columns: ColumnSums | RowColumns, varies: np.ndarray) -> list[int]:
    """Find columns that those before them explain, by a Cholesky factorisation."""
    assert isinstance(columns, ColumnSums)
    places = np.flatnonzero(varies)
    correlations = columns.covariance[np.ix_(places, places)]
    sd = np.sqrt(np.diag(correlations))
    correlations = correlations / np.outer(sd, sd)
    found, kept = [], np.empty((0, len(places)))
    for k in range(len(places)):
        rest = correlations[k] - kept[:, k] @ kept
        if rest[k] < _TOLERANCE:
            found.append(int(places[k]))
        else:
            kept = np.vstack([kept, rest / np.sqrt(rest[k])])
    return found


def _factors(design: Design) -> Iterator[str]:
    for term in design.groups:
        if term.n_levels * term.n_effects >= design.n_rows:
            yield (
                f"Grouping factor '{term.factor}' has {count(term.n_levels, 'level')} with "
                f"{count(term.n_effects, 'effect')} each for {count(design.n_rows, 'row')}, so "
                "that they cannot be told from the residual and only the priors do."
            )
