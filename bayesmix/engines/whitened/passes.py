"""Passes over the rows, many chains side by side, in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.layout import Layout
from bayesmix.families.values import Rows

csr_matvecs: Any
csc_matvecs: Any
try:
    # The public product allocates its result, and copies the matrix to transpose it.
    from scipy.sparse import _sparsetools
except ImportError:  # a SciPy that has them elsewhere
    csr_matvecs = csc_matvecs = None
else:
    csr_matvecs, csc_matvecs = _sparsetools.csr_matvecs, _sparsetools.csc_matvecs

__all__ = ["Likelihood", "add_product", "add_transposed_product", "likelihood", "predictors"]

# Rows times chains that are worked on at a time, and from which on more: threads that call NumPy
# for less wait for one another.
BLOCK, MANY, BLOCK_OF_MANY = 32_768, 500_000, 131_072


class Likelihood(NamedTuple):
    """Log likelihood of M chains up to a constant, and its derivatives.

    Attributes
    ----------
    total : ndarray, shape (M,)
    by_effects : ndarray, shape (m, M)
    by_population : ndarray, shape (p, M)
    by_auxiliary : mapping of str to ndarray
    """

    total: FloatArray
    by_effects: FloatArray
    by_population: FloatArray
    by_auxiliary: Mapping[str, FloatArray]


def add_product(
    matrix: sparse.csr_array,
    x: FloatArray,
    out: FloatArray,
    start: int = 0,
    stop: int | None = None,
) -> None:
    """Add rows of ``matrix @ x`` to `out`; both are C-contiguous, with chains last."""
    rows = slice(start, matrix.shape[0] if stop is None else stop)
    if csr_matvecs is None:
        out += matrix[rows] @ x
    else:
        _call(csr_matvecs, (rows.stop - start, matrix.shape[1]), matrix, rows, x, out)


def add_transposed_product(
    matrix: sparse.csr_array,
    x: FloatArray,
    out: FloatArray,
    start: int = 0,
    stop: int | None = None,
) -> None:
    """Add ``matrix[start:stop].T @ x`` to `out`."""
    rows = slice(start, matrix.shape[0] if stop is None else stop)
    if csc_matvecs is None:
        out += matrix[rows].T @ x
    else:
        _call(csc_matvecs, (matrix.shape[1], rows.stop - start), matrix, rows, x, out)


def _call(
    product: Any,
    shape: tuple[int, int],
    matrix: sparse.csr_array,
    rows: slice,
    x: FloatArray,
    out: FloatArray,
) -> None:
    starts = matrix.indptr[rows.start : rows.stop + 1]
    product(*shape, x.shape[1], starts, matrix.indices, matrix.data, x.ravel(), out.reshape(-1))


def predictor(layout: Layout, beta: FloatArray, u: FloatArray, start: int, stop: int) -> FloatArray:
    """Compute the linear predictor of some of the K n rows, shape (stop - start, M)."""
    if layout.X.shape[1]:
        eta = layout.X[start:stop] @ beta
    else:
        eta = np.zeros((stop - start, beta.shape[1]))
    if layout.has_offset:
        eta += layout.offset[start:stop, None]
    if layout.n_effects:
        add_product(layout.Z, u, eta, start, stop)
    return eta


def predictors(
    layout: Layout, beta: FloatArray, u: FloatArray, start: int, stop: int
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Compute the linear predictors of some of the n rows: that of the formula, and others."""
    every = {
        name: predictor(layout, beta, u, k * layout.n_rows + start, k * layout.n_rows + stop)
        for k, name in enumerate(layout.predictors)
    }
    return every.pop(layout.predictors[0]), every


def likelihood(
    layout: Layout, beta: FloatArray, u: FloatArray, auxiliary: Mapping[str, FloatArray]
) -> Likelihood:
    """Pass over all rows once.

    Parameters
    ----------
    layout : Layout
    beta : ndarray, shape (p, M)
    u : ndarray, shape (m, M)
    auxiliary : mapping of str to ndarray, shape (M,) or (K, M)

    Returns
    -------
    Likelihood
    """
    family, chains = layout.family, beta.shape[1]
    total = np.zeros(chains)
    by_effects = np.zeros((layout.n_effects, chains))
    by_population = np.zeros((layout.X.shape[1], chains))
    by_auxiliary = {name: np.zeros_like(values) for name, values in auxiliary.items()}
    for start, stop in row_blocks(layout.n_rows, chains, len(layout.predictors)):
        eta, others = predictors(layout, beta, u, start, stop)
        scores = family.scores(
            layout.y[start:stop],
            eta,
            {**auxiliary, **others},
            rows_between(layout.rows, start, stop),
        )
        total += scores.total
        for name in auxiliary:
            by_auxiliary[name] += scores.auxiliary[name]
        by_predictor = (scores.score, *(scores.auxiliary[name] for name in others))
        for k, score in enumerate(by_predictor):
            first = k * layout.n_rows
            if layout.n_effects:
                add_transposed_product(layout.Z, score, by_effects, first + start, first + stop)
            if layout.X.shape[1]:
                by_population += layout.X[first + start : first + stop].T @ score
    return Likelihood(total, by_effects, by_population, by_auxiliary)


def row_blocks(n: int, chains: int, predictors: int) -> list[tuple[int, int]]:
    """Cut n rows into blocks: shorter ones where each row has several predictors."""
    entries = BLOCK if n * chains < MANY else BLOCK_OF_MANY
    size = max(64, entries // (chains * predictors))
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def rows_between(rows: Rows, start: int, stop: int) -> Rows:
    """Return what is known of some rows."""
    return Rows(
        None if rows.weights is None else rows.weights[start:stop],
        None if rows.trials is None else rows.trials[start:stop],
    )
